;; tries: to begin a stack of its own where its host calls it back
;; expect: limit stack_units
;; where: declares = 2*instance + memory_page
;; where: run = frame_units + 3*slot_units + 5*operator_stack_units
;; where: realloc = frame_units + (4 + 1 + 4)*slot_units + 6*operator_stack_units
;; limit: stack_units = run + 100*realloc
;; bill: declares + 3*simple + call + 101*(4*simple + call)
(component
  (import "wasi:random/random@0.2.12" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $memory
    (memory (export "memory") 1 1)
    (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32)
      local.get 0
      local.get 1
      local.get 2
      local.get 3
      call $realloc))
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
