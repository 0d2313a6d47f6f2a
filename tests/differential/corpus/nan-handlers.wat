;; M13: in a function with handlers, a local that is zero when a loop is entered, and holds a NaN of other bits on
;; the next lap.
(module
  (tag $e (param i32))
  (func (export "run") (param $a f32) (param $c i32) (result i32) (local $x f32) (local $n i32) (local $r i32)
    (local.set $n (i32.const 3))
    (loop $again
      (local.set $r (i32.add (i32.mul (local.get $r) (i32.const 7)) (i32.reinterpret_f32
        (select (local.get $x) (f32.add (local.get $a) (f32.const 1)) (local.get $n)))))
      (block $caught (result i32)
        (try_table (result i32) (catch $e $caught)
          (local.set $x (f32.reinterpret_i32 (i32.const 0x7fa00001)))
          (if (local.get $c) (then (throw $e (local.get $n))))
          (i32.const 1)))
      (drop)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $r)))
