;; tries: to nest folders deeper than allowed by moving them into each other
;; expect: ok
;; limit: folder_depth = 3
;; where: declares = instance + 2*memory_page + memory_bulk + 23*memory_bulk_64_bytes/64
;; host_calls: 4*host.path_create_directory + 3*host.path_rename + 43*path_step
(module
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "aa/bcc/da/b/cc/d/ca/b/d")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_create_directory (i32.const 5) (i32.const 16) (i32.const 1)) (i32.const 0))
    (call $expect (call $path_create_directory (i32.const 5) (i32.const 17) (i32.const 3)) (i32.const 0))
    (call $expect (call $path_create_directory (i32.const 5) (i32.const 20) (i32.const 1)) (i32.const 0))
    (call $expect (call $path_create_directory (i32.const 5) (i32.const 21) (i32.const 3)) (i32.const 0))
    (call $expect (call $path_rename (i32.const 5) (i32.const 20) (i32.const 1) (i32.const 5) (i32.const 24) (i32.const 5)) (i32.const 37))
    (call $expect (call $path_rename (i32.const 5) (i32.const 20) (i32.const 1) (i32.const 5) (i32.const 29) (i32.const 5)) (i32.const 28))
    (call $expect (call $path_rename (i32.const 5) (i32.const 21) (i32.const 3) (i32.const 5) (i32.const 34) (i32.const 5)) (i32.const 0))))
