;; tries: to change what the order gave
;; expect: ok
;; where: declares = instance + 2*memory_page + memory_bulk + 5*memory_bulk_64_bytes/64
;; host_calls: host.path_create_directory + host.path_open + host.path_symlink + 4*path_step
(module
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "newab")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_open (i32.const 3) (i32.const 1) (i32.const 16) (i32.const 3) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 69))
    (call $expect (call $path_create_directory (i32.const 3) (i32.const 16) (i32.const 3)) (i32.const 69))
    (call $expect (call $path_symlink (i32.const 19) (i32.const 1) (i32.const 3) (i32.const 20) (i32.const 1)) (i32.const 69))))
