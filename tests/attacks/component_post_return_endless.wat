;; tries: to run for ever after its result was taken
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance + memory_page
;; bill: budget
(component
  (core module $m
    (memory (export "memory") 1 1)
    (func (export "run") (result i32)
      i32.const 0)
    (func (export "after") (param i32) (local $laps i32)
      loop
        br 0
      end))
  (core instance $m (instantiate $m))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $m "memory") (post-return (func $m "after")))))
