;; tries: recursion without end; the frame that does not fit has been charged
;; expect: limit stack_units
;; limit: stack_units = 1000*(frame_units + 2*operator_stack_units)
;; where: declares = instance
;; bill: declares + call + 1000*call
(module
  (func $deeper
    call $deeper)
  (func (export "_start")
    call $deeper))
