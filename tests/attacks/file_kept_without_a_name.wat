;; tries: to keep bytes that nobody counts in a file whose name is gone
;; expect: ok
;; limit: file_bytes = 1000
;; where: declares = instance + 2*memory_page + memory_bulk + 2*memory_bulk_64_bytes/64
;; host_calls: host.fd_close + 3*host.fd_filestat_set_size + 2*host.path_open + host.path_unlink_file + 3*path_step
(module
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size"
    (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "fg")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $fd_filestat_set_size (i32.const 6) (i64.const 1000)) (i32.const 0))
    (call $expect (call $path_unlink_file (i32.const 5) (i32.const 16) (i32.const 1)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 17) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $fd_filestat_set_size (i32.const 7) (i64.const 1)) (i32.const 19))
    (call $expect (call $fd_close (i32.const 6)) (i32.const 0))
    (call $expect (call $fd_filestat_set_size (i32.const 7) (i64.const 1000)) (i32.const 0))))
