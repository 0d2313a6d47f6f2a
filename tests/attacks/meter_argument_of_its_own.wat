;; tries: to hand its module other globals under the meter's name
;; expect: refused meterbox:meter
(component
  (core module $globals
    (global (export "left") (mut i64) (i64.const 9000000000)))
  (core module $m
    (func (export "run") (result i32)
      i32.const 0))
  (core instance $globals (instantiate $globals))
  (core instance $m (instantiate $m (with "meterbox:meter" (instance $globals))))
  (func (export "run") (result (result)) (canon lift (core func $m "run"))))
