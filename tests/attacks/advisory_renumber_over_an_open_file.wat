;; tries: to leak what a descriptor led to by renumbering another over it, as in RUSTSEC-2026-0182
;; expect: ok
;; limit: handles = 2
;; where: declares = instance + 2*memory_page + memory_bulk + 1*memory_bulk_64_bytes/64
;; host_calls: 101*host.path_open + 101*path_step + 100*host.fd_renumber
(module
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "f")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start") (local $laps i32)
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (local.set $laps (i32.const 100))
    (loop
      (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
      (call $expect (call $fd_renumber (i32.const 7) (i32.const 6)) (i32.const 0))
      (br_if 0 (local.tee $laps (i32.sub (local.get $laps) (i32.const 1)))))))
