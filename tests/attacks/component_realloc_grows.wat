;; tries: to grow its memory while its host writes into it
;; expect: ok
;; where: declares = 2*instance + memory_page
;; bill: declares + 3*simple + call + simple + memory_grow + 9*memory_page + simple + simple
;; peak: 10
(component
  (import "wasi:random/random@0.2.12" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      i32.const 9
      memory.grow
      drop
      i32.const 655260))
  (core instance $memory (instantiate $memory))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core module $m
    (import "host" "random" (func $random (param i64 i32)))
    (func (export "run") (result i32)
      i64.const 100
      i32.const 64
      call $random
      i32.const 0))
  (core instance $m (instantiate $m
    (with "host" (instance (export "random" (func $random))))))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $memory "memory"))))
