;; tries: to have the host follow a path of many names for the price of one call
;; expect: limit host_calls
;; limit: host_calls = 100*host.path_open
;; where: declares = instance + 2*memory_page + memory_bulk + 49*memory_bulk_64_bytes/64
;; host_calls: host.path_symlink + path_step + 8*(host.path_open + 153*path_step + host.fd_close) + host.path_open
(module
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "./././././././././././././././.dd/d/d/d/d/d/d/d/d")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_symlink (i32.const 16) (i32.const 31) (i32.const 5) (i32.const 47) (i32.const 1)) (i32.const 0))
    (loop
      (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 48) (i32.const 17) (i32.const 2) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
      (call $expect (call $fd_close (i32.const 6)) (i32.const 0))
      (br 0))))
