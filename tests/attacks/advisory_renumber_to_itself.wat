;; tries: to leave the table of descriptors broken by renumbering one to itself or to a closed one, as in
;;   CVE-2025-53901
;; expect: ok
;; where: declares = instance + 2*memory_page + memory_bulk + 2*memory_bulk_64_bytes/64
;; host_calls: 2*host.fd_close + 5*host.fd_renumber + 3*host.path_open + 2*path_step
(module
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "fg")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $fd_renumber (i32.const 5) (i32.const 5)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $fd_renumber (i32.const 6) (i32.const 6)) (i32.const 0))
    (call $expect (call $fd_close (i32.const 6)) (i32.const 0))
    (call $expect (call $fd_renumber (i32.const 5) (i32.const 6)) (i32.const 8))
    (call $expect (call $fd_renumber (i32.const 6) (i32.const 5)) (i32.const 8))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $fd_renumber (i32.const 6) (i32.const 5)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 17) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 54))
    (call $expect (call $fd_close (i32.const 6)) (i32.const 8))))
