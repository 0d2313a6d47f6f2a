;; tries: to have something delivered by a budget that does not pay for it
;; expect: ok
;; where: declares = instance + memory_page + memory_bulk + 8*memory_bulk_64_bytes/64
;; bill: declares + 8*simple + memory_bulk + 65536*memory_bulk_64_bytes/64 + call
;; host_calls: host.fd_write
;; bytes_out: 65536
;; cut: delivers nothing
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "\00\00\00\00\00\00\01\00")
  (func (export "_start")
    i32.const 0
    i32.const 0
    i32.const 65536
    memory.copy
    i32.const 1
    i32.const 0
    i32.const 1
    i32.const 16
    call $write
    drop))
