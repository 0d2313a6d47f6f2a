;; A program's own globals keep their values beside the meter's, of every type, exported and not.
(module
  (global $a (export "a") (mut i64) (i64.const 1)) (global $b i32 (i32.const 7)) (global $c (export "c") (mut f64) (f64.const 2))
  (global $d (mut i32) (i32.const 3)) (global $e (export "e") (mut i32) (i32.const -1)) (global $v (export "v") (mut v128) (v128.const i32x4 1 2 3 4))
  (func (export "f") (param i64) (result i64 i32)
    (global.set $a (i64.add (global.get $a) (local.get 0)))
    (global.set $d (i32.add (global.get $d) (global.get $b)))
    (global.set $e (global.get $d))
    (global.set $v (i64x2.splat (global.get $a)))
    (global.get $a) (global.get $e)))
