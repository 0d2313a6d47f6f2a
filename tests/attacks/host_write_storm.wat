;; tries: to write the same page without end
;; expect: limit bytes_out
;; limit: bytes_out = 10*65536
;; where: declares = instance + memory_page + memory_bulk + 8*memory_bulk_64_bytes/64
;; bill: declares + branch + 11*(5*simple + call + branch)
;; host_calls: 11*host.fd_write
;; bytes_out: 10*65536
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "\00\00\00\00\00\00\01\00")
  (func (export "_start")
    loop
      i32.const 1
      i32.const 0
      i32.const 1
      i32.const 16
      call $write
      drop
      br 0
    end))
