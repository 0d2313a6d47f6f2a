;; M5: a start function is never small, and neither is an exported function, whoever calls it.
(module
  (global $g (export "g") (mut i32) (i32.const 0))
  (func $start (global.set $g (i32.const 5)))
  (start $start)
  (func $exported (export "exported") (param i32) (result i32) (i32.div_u (i32.const 100) (local.get 0)))
  (func (export "f") (param i32) (result i32) (i32.add (call $exported (local.get 0)) (i32.const 1))))
