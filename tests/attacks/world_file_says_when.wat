;; tries: to see when it runs by the times of its files
;; expect: ok
;; where: declares = instance + 2*memory_page + memory_bulk + 1*memory_bulk_64_bytes/64
;; host_calls: host.path_filestat_get + host.path_open + 2*path_step
(module
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "f")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $path_filestat_get (i32.const 5) (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 64)) (i32.const 0))
    (call $expect (i32.wrap_i64 (i64.sub (i64.load (i32.const 104)) (i64.const 1700000000000000000))) (i32.const 0))
    (call $expect (i32.wrap_i64 (i64.sub (i64.load (i32.const 112)) (i64.const 1700000000000000000))) (i32.const 0))
    (call $expect (i32.wrap_i64 (i64.sub (i64.load (i32.const 120)) (i64.const 1700000000000000000))) (i32.const 0))))
