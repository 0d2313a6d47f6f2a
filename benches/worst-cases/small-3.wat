;; a chase, a line each
(module
(global $turn (mut i32) (i32.const 1))
(memory (export "memory") 16 16)
(func (export "setup")
(local $i i32)
        (loop $next
            (i32.store (i32.mul (local.get $i) (i32.const 64))
                (i32.mul (i32.const 64) (i32.and (i32.const 16383)
                    (i32.add (i32.const 1013904223)
                        (i32.mul (local.get $i) (i32.const 1664525))))))
            (br_if $next (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                (i32.const 16384)))))
(func (export "f") (param $laps i32) (result i64)
(local $w0 i32)
(global.set $turn (i32.add (global.get $turn) (i32.const -1640531527)))
(local.set $w0 (i32.or (i32.const 1000003) (local.get $laps)))
(local.set $w0 (i32.and (global.get $turn) (i32.const 1048512)))
(loop $lap
local.get $w0 i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
i32.load
 local.set $w0
(br_if $lap (local.tee $laps (i32.sub (local.get $laps) (i32.const 1)))))
(i64.const 0)
(i64.extend_i32_u (local.get $w0)) i64.xor
)
)
