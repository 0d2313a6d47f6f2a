;; A component whose code is in a component within it.
(component
  (component $inner
    (core module $code
      (func (export "run") (result i32)
        i32.const 0))
    (core instance $instance (instantiate $code))
    (func $run (result (result)) (canon lift (core func $instance "run")))
    (export "run" (func $run)))
  (instance $instance (instantiate $inner))
  (export "run" (func $instance "run")))
