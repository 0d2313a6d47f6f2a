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
    (local.get $r))
  ;; What only a handler leads to.
  (func (export "after") (param $a f64) (result i64)
    (block $end
      (drop (block $caught (result i32)
        (try_table (catch $e $caught) (throw $e (i32.const 7)))
        (br $end))))
    (i64.reinterpret_f64 (f64.neg (f64.add (local.get $a) (f64.const nan:0x4000000000001)))))
  (func (export "after_all") (param $a f64) (result f64)
    (block $caught
      (try_table (catch_all $caught) (throw $e (i32.const 7)))
      (unreachable))
    (f64.mul (local.get $a) (f64.const nan:0x4000000000001))))
