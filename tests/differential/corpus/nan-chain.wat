;; M13: a chain of locals, each of which is one before or what arithmetic made, which takes as many ways through
;; the function to follow; and a local that holds no NaN when its loop is entered, and one of other bits later.
(module (global (export "g") (mut i32) (i32.const 0))
  (func (export "run") (param $p f32) (param $a f32) (result i32)
    (local $x f32) (local $n i32) (local $r i32) (local $c0 f32) (local $c1 f32) (local $c2 f32) (local $c3 f32) (local $c4 f32) (local $c5 f32) (local $c6 f32) (local $c7 f32) (local $c8 f32) (local $c9 f32) (local $c10 f32) (local $c11 f32) (local $c12 f32) (local $c13 f32)
    (if (local.get $n) (then (local.set $c0 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c0 (local.get $p))))
(if (local.get $n) (then (local.set $c1 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c1 (local.get $c0))))
(if (local.get $n) (then (local.set $c2 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c2 (local.get $c1))))
(if (local.get $n) (then (local.set $c3 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c3 (local.get $c2))))
(if (local.get $n) (then (local.set $c4 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c4 (local.get $c3))))
(if (local.get $n) (then (local.set $c5 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c5 (local.get $c4))))
(if (local.get $n) (then (local.set $c6 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c6 (local.get $c5))))
(if (local.get $n) (then (local.set $c7 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c7 (local.get $c6))))
(if (local.get $n) (then (local.set $c8 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c8 (local.get $c7))))
(if (local.get $n) (then (local.set $c9 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c9 (local.get $c8))))
(if (local.get $n) (then (local.set $c10 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c10 (local.get $c9))))
(if (local.get $n) (then (local.set $c11 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c11 (local.get $c10))))
(if (local.get $n) (then (local.set $c12 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c12 (local.get $c11))))
(if (local.get $n) (then (local.set $c13 (f32.add (local.get $a)(f32.const 1)))) (else (local.set $c13 (local.get $c12))))
(global.set 0 (i32.reinterpret_f32 (local.get $c13)))

    (local.set $n (i32.const 3))
    (loop $l
      (local.set $r (i32.add (i32.mul (local.get $r) (i32.const 7)) (i32.reinterpret_f32
         (select (local.get $x) (f32.add (local.get $a) (f32.const 1)) (local.get $n)))))
      (if (i32.const 1) (then (nop)))
      (local.set $x (f32.reinterpret_i32 (i32.const 0x7fa00001)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $r)))