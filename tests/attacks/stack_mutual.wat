;; tries: recursion between functions of other frames
;; expect: limit stack_units
;; where: declares = instance
;; where: start = frame_units + slot_units + 3*operator_stack_units
;; where: there = frame_units + 3*slot_units + 4*operator_stack_units
;; where: back = frame_units + 3*slot_units + 3*operator_stack_units
;; limit: stack_units = start + 500*(there + back)
;; bill: declares + simple + call + 500*(2*simple + call + simple + call) + 2*simple + call
(module
  (func $there (param i32)
    local.get 0
    i32.const 1
    call $back)
  (func $back (param i32 i32)
    local.get 1
    call $there)
  (func (export "_start")
    i32.const 0
    call $there))
