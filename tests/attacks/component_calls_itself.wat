;; tries: to call what it exports itself, through adapters that the engine makes and nobody meters
;; expect: trapped cannot_enter_component
;; where: declares = 2*instance + memory_page
;; bill: declares + call + simple
(component
  (core module $callee
    (memory (export "memory") 1 1)
    (func (export "work")))
  (core instance $callee (instantiate $callee))
  (func $work (canon lift (core func $callee "work")))
  (core func $lowered (canon lower (func $work)))
  (core module $m
    (import "self" "work" (func $work))
    (func (export "run") (result i32)
      call $work
      i32.const 0))
  (core instance $m (instantiate $m
    (with "self" (instance (export "work" (func $lowered))))))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $callee "memory"))))
