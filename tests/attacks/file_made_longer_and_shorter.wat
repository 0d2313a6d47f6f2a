;; tries: to have the host write zeros for nothing, by making a file longer and shorter
;; expect: limit bytes_out
;; limit: bytes_out = 10*1048576
;; where: declares = instance + 2*memory_page + memory_bulk + 1*memory_bulk_64_bytes/64
;; host_calls: host.path_open + path_step + 19*host.fd_filestat_set_size
(module
  (import "wasi_snapshot_preview1" "fd_filestat_set_size"
    (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "f")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (loop
      (call $expect (call $fd_filestat_set_size (i32.const 6) (i64.const 1048576)) (i32.const 0))
      (call $expect (call $fd_filestat_set_size (i32.const 6) (i64.const 0)) (i32.const 0))
      (br 0))))
