;; tries: to read the provider's files by paths that lead out of the folder
;; expect: ok
;; where: declares = instance + 2*memory_page + memory_bulk + 79*memory_bulk_64_bytes/64
;; host_calls: host.path_create_directory + 7*host.path_open + 9*path_step
(module
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "../etc/passwd.../../../etc/passwdxx/../../etc/passwd/etc/passwd/proc/self/mem//")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 13) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 29) (i32.const 2) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 31) (i32.const 18) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))
    (call $expect (call $path_create_directory (i32.const 5) (i32.const 49) (i32.const 1)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 50) (i32.const 18) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 68) (i32.const 11) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 79) (i32.const 14) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 93) (i32.const 2) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))))
