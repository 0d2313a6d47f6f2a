;; tries: to fill the provider's disk
;; expect: ok
;; limit: file_bytes = 3*65536
;; where: declares = instance + 2*memory_page + memory_bulk + 5*memory_bulk_64_bytes/64
;; host_calls: 4*host.fd_write + host.path_open + 1*path_step
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "flood")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (i32.const 65536))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 5) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $fd_write (i32.const 6) (i32.const 0) (i32.const 1) (i32.const 12)) (i32.const 0))
    (call $expect (call $fd_write (i32.const 6) (i32.const 0) (i32.const 1) (i32.const 12)) (i32.const 0))
    (call $expect (call $fd_write (i32.const 6) (i32.const 0) (i32.const 1) (i32.const 12)) (i32.const 0))
    (call $expect (call $fd_write (i32.const 6) (i32.const 0) (i32.const 1) (i32.const 12)) (i32.const 19))))
