;; M4: loops that are not counted, with several ways back from several depths.
(module
  (func (export "f") (param $n i32) (result i32) (local $i i32)
    (local.set $n (i32.and (local.get $n) (i32.const 31)))
    (loop $outer
      (block $out
        (loop $inner
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $out (i32.ge_s (local.get $i) (local.get $n)))
          (if (i32.and (local.get $i) (i32.const 1)) (then (br $inner)))
          (if (i32.and (local.get $i) (i32.const 2)) (then (nop) (br $outer)))
          (br_if $inner (i32.rem_u (local.get $i) (i32.const 3)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $outer))))
    (local.get $i))
  (func (export "many_ways_back") (param $n i32) (result i32) (local $i i32)
    (i32.const 1) (drop)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (i32.const 1) (drop)
      (br_if $l (i32.lt_s (local.get $i) (i32.const 3)))
      (i32.const 1) (drop) (i32.const 1) (drop)
      (br_if $l (i32.lt_s (local.get $i) (i32.const 7)))
      (i32.const 1) (drop) (i32.const 1) (drop) (i32.const 1) (drop)
      (if (i32.lt_s (local.get $i) (i32.const 12)) (then (i32.const 1) (drop) (br $l)) (else (nop))))
    (local.get $i)))
