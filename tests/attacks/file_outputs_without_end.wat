;; tries: to leave more outputs than a receipt can name
;; expect: ok
;; limit: outputs = 3
;; where: declares = instance + 2*memory_page + memory_bulk + 4*memory_bulk_64_bytes/64
;; host_calls: 5*host.path_open + host.path_unlink_file + 6*path_step
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "0123")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_open (i32.const 4) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $path_open (i32.const 4) (i32.const 1) (i32.const 17) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $path_open (i32.const 4) (i32.const 1) (i32.const 18) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $path_open (i32.const 4) (i32.const 1) (i32.const 19) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 51))
    (call $expect (call $path_unlink_file (i32.const 4) (i32.const 16) (i32.const 1)) (i32.const 0))
    (call $expect (call $path_open (i32.const 4) (i32.const 1) (i32.const 19) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))))
