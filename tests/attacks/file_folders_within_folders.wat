;; tries: to nest folders until the host's stack ends
;; expect: ok
;; where: declares = instance + 2*memory_page + memory_bulk + 1*memory_bulk_64_bytes/64
;; host_calls: 33*host.path_create_directory + 32*host.path_open + 626*path_step
(module
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "d")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start") (local $depth i32) (local $fd i32)
    (local.set $fd (i32.const 5))
    (loop
      (call $expect (call $path_create_directory (local.get $fd) (i32.const 16) (i32.const 1)) (i32.const 0))
      (call $expect (call $path_open (local.get $fd) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 2) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
      (local.set $fd (i32.load (i32.const 8)))
      (br_if 0 (i32.lt_u (local.tee $depth (i32.add (local.get $depth) (i32.const 1))) (i32.const 32))))
    (call $expect (call $path_create_directory (local.get $fd) (i32.const 16) (i32.const 1)) (i32.const 37))))
