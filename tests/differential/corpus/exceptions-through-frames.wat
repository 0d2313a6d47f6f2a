;; M10: an exception gives back the frames that it leaves; M5: `throw` is a sync point.
(module
  (tag $e (param i32 f64)) (tag $other)
  (func $throws (param i32) (result i32)
    (if (i32.and (local.get 0) (i32.const 1)) (then (throw $e (local.get 0) (f64.const nan:0x8000000001234))))
    (i32.const 1) (drop)
    (if (i32.and (local.get 0) (i32.const 2)) (then (throw $other)))
    (local.get 0))
  (func $between (param i32) (result i32) (i32.add (call $throws (local.get 0)) (i32.const 1)))
  (func (export "f") (param $n i32) (result i32) (local $sum i32)
    (local.set $n (i32.and (local.get $n) (i32.const 31)))
    (loop $again
      (block $done
        (block $all
          (block $caught (result i32 f64)
            (try_table (catch $e $caught) (catch_all $all)
              (i32.const 1) (drop)
              (local.set $sum (i32.add (local.get $sum) (call $between (local.get $n))))
              (i32.const 1) (drop))
            (br $done))
          (i32.trunc_sat_f64_s) (i32.add) (local.set $sum) (br $done))
        (local.set $sum (i32.const 3)))
      (br_if $again (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $sum))
  (func (export "uncaught") (param i32) (result i32) (call $between (local.get 0)))
  (func (export "others_pass") (param i32) (result i32)
    (block $b (try_table (catch $other $b) (return (call $between (local.get 0)))) (unreachable))
    (i32.const 5)))
