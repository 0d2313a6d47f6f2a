;; M6: a counted loop that traps inside is billed the laps that were charged ahead.
(module
  (memory (export "memory") 1 1)
  (func (export "store") (param $b i32) (local $v i32)
    (local.set $b (i32.and (local.get $b) (i32.const 127)))
    (loop (i32.store (i32.mul (local.get $v) (i32.const 1024)) (local.get $v))
      (br_if 0 (i32.lt_s (local.tee $v (i32.add (local.get $v) (i32.const 1))) (local.get $b)))))
  (func (export "divide") (param $v i32) (result i32) (local $sum i32)
    (local.set $v (i32.and (local.get $v) (i32.const 31)))
    (loop (local.set $sum (i32.add (local.get $sum) (i32.div_u (i32.const 1000) (i32.sub (local.get $v) (i32.const 5)))))
      (br_if 0 (i32.gt_s (local.tee $v (i32.sub (local.get $v) (i32.const 1))) (i32.const 0))))
    (local.get $sum)))
