;; tries: code in a component within it, whose adapters are made after the pass
;; expect: refused nested component with core code
(component
  (component $inner
    (core module $m
      (func (export "run") (result i32)
        i32.const 0))
    (core instance $m (instantiate $m))
    (func (export "run") (result (result)) (canon lift (core func $m "run"))))
  (instance $inner (instantiate $inner))
  (export "run" (func $inner "run")))
