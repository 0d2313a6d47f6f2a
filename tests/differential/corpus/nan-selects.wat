;; M13: `select` passes bits on, of a NaN that arithmetic made and of one that came with bits of its own.
(module
  (memory (export "memory") 1 1)
  (global $g (export "g") (mut f64) (f64.const 0))
  (func $min (param f64 f64) (result f64)
    (select (local.get 0) (local.get 1) (f64.lt (local.get 0) (local.get 1))))
  ;; The first operand is made here, and the second; the other comes with a payload.
  (func (export "first") (param $a f64) (param $c i32) (result i64)
    (i64.reinterpret_f64 (select (f64.sub (local.get $a) (local.get $a)) (f64.const nan:0x123456789) (local.get $c))))
  (func (export "second") (param $a f32) (param $c i32) (result i32)
    (i32.reinterpret_f32
      (select (result f32) (f32.const -nan:0x4567) (f32.mul (local.get $a) (f32.const inf)) (local.get $c))))
  ;; What is chosen depends on the operands themselves, as in a minimum and a maximum.
  (func (export "minimum") (param $a f64) (param $b f64) (local $s f64)
    (local.set $s (f64.add (local.get $a) (local.get $b)))
    (f64.store (i32.const 8) (select (local.get $a) (local.get $s) (f64.lt (local.get $a) (local.get $s))))
    (f64.store (i32.const 16) (select (local.get $s) (local.get $a) (f64.lt (local.get $s) (local.get $a))))
    (f64.store (i32.const 24) (call $min (local.get $a) (f64.neg (f64.sqrt (local.get $b))))))
  ;; What was chosen goes on: into arithmetic only, into a local, into another select, out of a block.
  (func (export "goes-on") (param $a f64) (param $b f64) (param $c i32) (local $x f64)
    (f64.store (i32.const 8)
      (f64.neg (f64.mul (f64.const 2) (select (f64.div (local.get $a) (local.get $b)) (local.get $a) (local.get $c)))))
    (local.set $x (select (local.get $b) (f64.floor (local.get $a)) (local.get $c)))
    (f64.store (i32.const 16) (local.get $x))
    (f64.store (i32.const 24) (f64.add (local.get $x) (local.get $x)))
    (f64.store (i32.const 32)
      (select
        (select (f64.nearest (local.get $a)) (f64.const nan:0x1) (local.get $c))
        (select (f64.const -nan:0x2) (f64.ceil (local.get $b)) (local.get $c))
        (i32.lt_s (local.get $c) (i32.const 1))))
    (global.set $g (f64.neg (f64.abs
      (select (f64.neg (local.get $a)) (f64.trunc (local.get $b)) (local.get $c)))))
    (f64.store (i32.const 40) (block $out (result f64)
      (select (f64.max (local.get $a) (local.get $b)) (f64.const nan:0x3) (local.get $c))
      (br_if $out (i32.gt_s (local.get $c) (i32.const 5)))
      (drop)
      (select (f64.const nan:0x4) (f64.min (local.get $a) (local.get $b)) (i32.eqz (local.get $c))))))
  ;; In a loop whose local is chosen anew each lap, and read as another kind of float.
  (func (export "least") (param $a f64) (param $n i32) (result i64) (local $least f64) (local $i i32)
    (local.set $least (f64.const nan:0x77))
    (loop $again
      (local.set $least (select (local.get $least) (f64.sub (local.get $a) (f64.convert_i32_s (local.get $i)))
        (f64.lt (local.get $least) (local.get $a))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.and (local.get $n) (i32.const 7)))))
    (i64.reinterpret_f64 (local.get $least)))
  ;; In a counted loop, of numbers, infinities and NaNs that lie in memory.
  (data (i32.const 64) "\00\00\00\00\00\00\f0\7f" "\00\00\00\00\00\00\f0\ff" "\01\02\03\00\00\00\f8\ff" "\05\00\00\00\00\00\f8\7f")
  (func (export "counted") (param $a f64) (local $i i32) (local $s f64) (local $x f64)
    (loop $again
      (local.set $s (f64.sub (f64.load offset=64 (local.get $i)) (local.get $a)))
      (local.set $x (f64.load offset=64 (local.get $i)))
      (f64.store offset=128 (local.get $i)
        (select (local.get $x) (local.get $s) (f64.lt (local.get $x) (local.get $s))))
      (f64.store offset=192 (local.get $i)
        (select (result f64) (local.get $s) (f64.load offset=64 (local.get $i)) (f64.lt (local.get $s) (local.get $x))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $again (i32.ne (local.get $i) (i32.const 40)))))
  ;; A number of one kind, half of whose bits are a NaN of another kind, beside a vector that arithmetic made.
  (func (export "halves") (param $a f32) (param $c i32) (result v128)
    (select
      (f64x2.splat (f64.const 0x1.000007fc00001p0))
      (f32x4.add (f32x4.splat (local.get $a)) (f32x4.splat (f32.const 1)))
      (local.get $c)))
  (func (export "half_of_a_splat") (param $c i32) (result i32)
    (i32.reinterpret_f32 (select
      (f32x4.extract_lane 0 (f64x2.splat (f64.const 0x1.000007fc00001p0)))
      (f32.sqrt (f32.const -1))
      (local.get $c))))
  (func (export "vectors") (param $a f64) (param $v v128) (param $c i32) (result v128)
    (v128.or
      (select (f32x4.add (local.get $v) (local.get $v)) (local.get $v) (local.get $c))
      (f32x4.splat (f32.demote_f64 (select (local.get $a) (f64.add (local.get $a) (f64.const 1)) (local.get $c)))))))
