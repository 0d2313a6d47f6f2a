;; tries: to take the host's stack before it is run
;; expect: limit stack_units
;; limit: stack_units = 1000*(frame_units + 2*operator_stack_units)
;; where: declares = instance
;; bill: declares + 1001*call
(module
  (func $start
    call $start)
  (start $start)
  (func (export "_start")))
