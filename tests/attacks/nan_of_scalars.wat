;; tries: to learn the engine from the bits of the NaNs that it makes: payloads that come from an
;;   operand, the sign that x86 sets, and the bits that conversions keep
;; expect: ok
;; where: declares = instance
;; bill: declares + (4 + 4 + 3 + 4 + 3 + 4)*simple + 2*divide + 3*float + 7*convert + 6*branch
(module
  (func $start (export "_start") (local $zero f64) (local $small f32)
    ;; 0 / 0 is negative on x86.
    local.get $zero
    local.get $zero
    f64.div
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    i64.ne
    if unreachable end
    ;; The payload of the first operand, or of the second.
    f64.const nan:0x8000000000123
    f64.const -nan:0x8000000000456
    f64.add
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    i64.ne
    if unreachable end
    f64.const -1
    f64.sqrt
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    i64.ne
    if unreachable end
    f64.const nan:0x4000000000000
    local.get $zero
    f64.min
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    i64.ne
    if unreachable end
    f64.const -nan:0x8000020000000
    f32.demote_f64
    i32.reinterpret_f32
    i32.const 0x7fc00000
    i32.ne
    if unreachable end
    f32.const inf
    f32.const inf
    f32.sub
    i32.reinterpret_f32
    i32.const 0x7fc00000
    i32.ne
    if unreachable end))
