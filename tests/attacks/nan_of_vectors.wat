;; tries: to learn the engine from the lanes of a vector
;; expect: ok
;; where: declares = instance
;; bill: declares + (3 + 4)*vector + divide + 2*2*simple + 2*branch
(module
  (func (export "_start")
    v128.const f64x2 0 0
    v128.const f64x2 0 -1
    f64x2.div
    i64x2.extract_lane 0
    i64.const 0x7ff8000000000000
    i64.ne
    if unreachable end
    v128.const f32x4 nan:0x400123 inf 1 1
    v128.const f32x4 -nan:0x400456 -inf 1 1
    f32x4.add
    i32x4.extract_lane 1
    i32.const 0x7fc00000
    i32.ne
    if unreachable end))
