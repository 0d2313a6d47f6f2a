;; tries: code that comes from elsewhere, and was not metered
;; expect: refused imported core module
(component
  (import "code" (core module $m (export "run" (func (result i32)))))
  (core instance $m (instantiate $m))
  (func (export "run") (result (result)) (canon lift (core func $m "run"))))
