;; tries: to have the host allocate as much as the guest says, as in GHSA-852m-cvvp-9p4w
;; expect: limit bytes_in
;; where: declares = 2*instance + memory_page
;; host_calls: host.get_random_bytes
(component
  (import "wasi:random/random@0.2.12" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $memory
    (memory (export "memory") 1 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $memory (instantiate $memory))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core module $m
    (import "host" "random" (func $random (param i64 i32)))
    (func (export "run") (result i32)
      (call $random (i64.const -1) (i32.const 64))
      (i32.const 0)))
  (core instance $m (instantiate $m
    (with "host" (instance (export "random" (func $random))))))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $memory "memory"))))
