;; M4: an `if` without `else`, passed by and taken, nested, left early, and with parameters.
(module
  (func (export "f") (param $a i32) (param $b i32) (result i32)
    (i32.const 1) (drop)
    (if (local.get $a) (then
      (i32.const 1) (drop) (i32.const 1) (drop)
      (if (local.get $b) (then (i32.const 1) (drop) (br 1)))
      (i32.const 1) (drop)))
    (if $x (local.get $b) (then (br_if $x (local.get $a)) (i32.const 1) (drop) (return (i32.const 5))))
    (if (i32.const 0) (then (unreachable)))
    (i32.const 3))
  (func (export "parameter") (param $a i32) (result i32)
    (i32.const 4)
    (if (param i32) (result i32) (local.get $a) (then (i32.const 3) (i32.mul)))
    (i32.const 1) (i32.add)))
