;; tries: random bytes without end
;; expect: limit bytes_in
;; limit: bytes_in = 10*65536
;; where: declares = instance + memory_page
;; bill: declares + branch + 11*(3*simple + call + branch)
;; host_calls: 11*host.random_get
;; bytes_in: 10*65536
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (func (export "_start")
    loop
      i32.const 0
      i32.const 65536
      call $random
      drop
      br 0
    end))
