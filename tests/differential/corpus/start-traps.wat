;; M15: a start function that traps under some budgets: nothing is called, and its work is billed.
(module
  (global $g (export "g") (mut i32) (i32.const 3))
  (func $down (result i32) (i32.div_u (i32.const 12) (global.get $g)))
  (func $start (local $i i32)
    (loop $l (drop (call $down)) (global.set $g (i32.sub (global.get $g) (i32.const 1)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))))
  (start $start)
  (func (export "f") (result i32) (call $down)))
