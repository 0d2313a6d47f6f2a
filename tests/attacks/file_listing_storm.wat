;; tries: to have the host list a folder without end
;; expect: limit bytes_in
;; limit: bytes_in = 10*51
;; where: declares = instance + 2*memory_page
;; host_calls: 11*host.fd_readdir
(module
  (import "wasi_snapshot_preview1" "fd_readdir"
    (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 2 2)
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (loop
      (call $expect (call $fd_readdir (i32.const 5) (i32.const 1024) (i32.const 4096) (i64.const 0) (i32.const 12)) (i32.const 0))
      (br 0))))
