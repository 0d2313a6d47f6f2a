;; M15: a start function that works, loops and sets globals; its return is recorded before anything is called.
(module
  (global $g (export "g") (mut i32) (i32.const 0)) (memory (export "memory") 1)
  (func $small (global.set $g (i32.add (global.get $g) (i32.const 1))))
  (func $start (local $i i32)
    (loop (call $small) (br_if 0 (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
    (i32.store (i32.const 4) (global.get $g)) (call $small))
  (start $start)
  (func (export "f") (param i32) (result i32) (i32.div_u (global.get $g) (i32.and (local.get 0) (i32.const 3)))))
