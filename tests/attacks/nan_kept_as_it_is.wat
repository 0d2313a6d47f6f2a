;; tries: to find a NaN changed that no arithmetic made, in a loop, a global and memory
;; expect: ok
;; where: declares = instance + memory_page + global_declared
;; bill: declares + (5 + 4)*simple + float + 2*convert + 2*global + store + load + 2*branch
(module
  (memory 1 1)
  (global $kept (mut f64) (f64.const 0))
  (func (export "_start")
    f64.const -nan:0x4000000000123
    global.set $kept
    i32.const 0
    global.get $kept
    f64.store
    i32.const 0
    f64.load
    i64.reinterpret_f64
    i64.const 0xfff4000000000123
    i64.ne
    if unreachable end
    f64.const nan:0x4000000000123
    f64.const -1
    f64.copysign
    i64.reinterpret_f64
    i64.const 0xfff4000000000123
    i64.ne
    if unreachable end))
