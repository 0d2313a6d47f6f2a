;; tries: operands that are pushed in code that is never reached, to make a frame that is smaller than
;;   it looks: it takes what validation counts
;; expect: limit stack_units
;; limit: stack_units = 100*(frame_units + 3*slot_units + 9*operator_stack_units)
;; where: declares = instance
;; bill: declares + 101*(call + branch)
(module
  (func $deeper (export "_start")
    call $deeper
    return
    i32.const 1
    i32.const 2
    i32.const 3
    drop
    drop
    drop))
