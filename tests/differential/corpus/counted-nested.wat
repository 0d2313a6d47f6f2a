;; M6: counted loops one within another, after another, and at the very end of a body.
(module
  (func (export "nested") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $sum i32)
    (local.set $n (i32.and (local.get $n) (i32.const 15)))
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $sum (i32.add (local.get $sum) (local.get $j)))
        (br_if $inner (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 2))) (i32.const 20))))
      (br_if $outer (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (loop $after (br_if $after (i32.ne (local.tee $i (i32.sub (local.get $i) (i32.const 1))) (i32.const -3))))
    (local.get $sum))
  (func (export "last") (param $n i32)
    (local.set $n (i32.or (i32.and (local.get $n) (i32.const 15)) (i32.const 1)))
    (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "in_arms") (param $n i32) (result i32) (local $i i32)
    (if (i32.and (local.get $n) (i32.const 1))
      (then (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9)))))
      (else (i32.const 7) (drop) (loop (br_if 0 (i32.ne (local.tee $i (i32.sub (local.get $i) (i32.const 1))) (i32.const -9))))))
    (local.get $i))
  (func (export "with_a_value_below") (param $n i32) (result i32) (local $i i32)
    (local.get $n)
    (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9))))
    (i32.add (local.get $i))))
