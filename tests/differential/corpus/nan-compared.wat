;; M13: NaNs that only comparisons and conversions see, which need no mending and must come to the same.
(module
  (func (export "f") (param $a f64) (param $b f32) (result i32 i32 i32 i64)
    (f64.lt (f64.add (local.get $a) (f64.const 1)) (local.get $a))
    (f32.ne (f32.sqrt (local.get $b)) (f32.sqrt (local.get $b)))
    (i32.trunc_sat_f64_s (f64.mul (local.get $a) (local.get $a)))
    (i64.trunc_sat_f32_u (f32.div (local.get $b) (local.get $b))))
  (func (export "traps") (param $a f64) (result i32) (i32.trunc_f64_s (f64.sub (local.get $a) (f64.const 1)))))
