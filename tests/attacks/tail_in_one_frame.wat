;; tries: frames that are left without a return: a hundred thousand take the stack of one
;; expect: ok
;; where: declares = instance
;; limit: stack_units = frame_units + 3*slot_units + 10*operator_stack_units
;; where: lap = 5*simple + branch + call
;; bill: declares + simple + call + 100_000*lap + 2*simple + 2*branch
(module
  (func $down (param $frames i32)
    local.get $frames
    i32.eqz
    if
      return
    end
    local.get $frames
    i32.const 1
    i32.sub
    return_call $down)
  (func (export "_start")
    i32.const 100000
    return_call $down))
