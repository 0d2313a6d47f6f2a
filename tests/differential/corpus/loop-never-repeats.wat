;; M4: loops without a way back, empty ones, and one that begins a body.
(module
  (func (export "empty") (loop) (loop (nop)) (i32.const 1) (drop))
  (func (export "first") (param i32) (result i32)
    (loop (result i32) (i32.add (local.get 0) (i32.const 1))))
  (func (export "left") (param i32) (result i32)
    (block $out (i32.const 2) (drop) (loop (br_if $out (local.get 0)) (i32.const 1) (drop)) (i32.const 3) (drop))
    (i32.const 4))
  (func (export "within_dead_code") (result i32)
    (return (i32.const 3)) (loop (br 0)) (i32.const 4)))
