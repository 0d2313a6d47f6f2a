;; M4: tables of branches to several depths: blocks, an `if`, a loop's head, and the function's own end.
(module
  (func (export "f") (param $n i32) (result i32) (local $laps i32)
    (local.set $n (i32.and (local.get $n) (i32.const 15)))
    (block $a (i32.const 9) (drop)
      (block $b
        (loop $l
          (local.set $laps (i32.add (local.get $laps) (i32.const 1)))
          (i32.const 1) (drop)
          (block $c (i32.const 1) (drop) (i32.const 1) (drop)
            (if (i32.const 1) (then
              (i32.const 1) (drop)
              (br_table 0 $c $b $a $l (local.get $n)))))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br_if $l (i32.lt_s (local.get $laps) (i32.const 20))))
        (return (i32.const 100)))
      (i32.const 1) (drop))
    (local.get $laps))
  (func (export "ends") (param $n i32)
    (i32.const 1) (drop)
    (block (br_table 0 1 0 1 (local.get $n)))
    (i32.const 1) (drop) (i32.const 1) (drop))
  (func (export "with_a_value") (param $n i32) (result i32)
    (block $x (result i32)
      (block $y (result i32)
        (i32.const 5) (local.get $n) (br_table $x $y 2 $y))
      (i32.const 1) (i32.add))
    (i32.const 3) (i32.mul)))
