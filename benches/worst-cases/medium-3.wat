;; evolved: 4 × i32.load
(module
(global $turn (mut i32) (i32.const 1))
(memory (export "memory") 512 512)
(type $t (func (param i64) (result i64)))
    (func $tiny (type $t) (i64.add (local.get 0) (i64.const 3)))
    (func $tiny1 (type $t) (i64.mul (local.get 0) (i64.const 5)))
    (func $tiny2 (type $t) (i64.xor (local.get 0) (i64.const 7)))
    (func $float (param f64) (result f64) (f64.mul (local.get 0) (f64.const 1.5)))
    (func $nothing)
    (global $g (mut i64) (i64.const 1)) (global $h (mut f64) (f64.const 1))
    (table 16 16 funcref)
    (elem (i32.const 0) func $tiny $tiny1 $tiny2 $tiny $tiny1 $tiny2 $tiny $tiny1)
    (elem $e func $tiny) (data $d "x")
(func (export "setup")
(local $i i32)
        (loop $next
            (i32.store (i32.mul (local.get $i) (i32.const 64))
                (i32.mul (i32.const 64) (i32.and (i32.const 524287)
                    (i32.add (i32.const 1013904223)
                        (i32.mul (local.get $i) (i32.const 1664525))))))
            (br_if $next (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                (i32.const 524288)))))
(func (export "f") (param $laps i32) (result i64)
(local $w6 i32)
(local $w7 i32)
(local $l8 i64)
(local $d8 f64)
(local $d9 f64)
(global.set $turn (i32.add (global.get $turn) (i32.const -1640531527)))
(local.set $w6 (i32.or (i32.const 13000039) (local.get $laps)))
(local.set $w7 (i32.or (i32.const 15000045) (local.get $laps)))
(local.set $l8 (i64.extend_i32_u (i32.or (i32.const 17000051) (local.get $laps))))
(local.set $d8 (f64.add (f64.const 1.87) (f64.mul (f64.convert_i32_u (local.get $laps)) (f64.const 1e-12))))
(local.set $d9 (f64.add (f64.const 1.97) (f64.mul (f64.convert_i32_u (local.get $laps)) (f64.const 1e-12))))
(local.set $w6 (i32.and (global.get $turn) (i32.const 33554368)))
        (local.set $w7 (i32.xor (local.get $w6) (i32.const 4096)))
        (local.set $l8 (i64.const 0x7ffffffffffffff1))
        (local.set $d8 (f64.div (local.get $d8) (local.get $d8)))
        (local.set $d9 (f64.mul (local.get $d8) (f64.const 1e-310)))
(loop $lap
(block local.get $w6
i32.load
i32.load
i32.load
i32.load
local.set $w6
)
(br_if $lap (local.tee $laps (i32.sub (local.get $laps) (i32.const 1)))))
(i64.const 0)
(i64.extend_i32_u (local.get $w6)) i64.xor
(i64.extend_i32_u (local.get $w7)) i64.xor
(local.get $l8) i64.xor
(i64.reinterpret_f64 (local.get $d8)) i64.xor
(i64.reinterpret_f64 (local.get $d9)) i64.xor
)
)
