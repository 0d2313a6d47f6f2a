;; tries: to catch the end of its stack, and recurse again
;; expect: limit stack_units
;; where: declares = instance
;; where: deep = frame_units + 0*slot_units + 6*operator_stack_units
;; limit: stack_units = 100*deep
;; bill: declares + 101*branch + 100*call
(module
  (func $deep (export "_start")
    loop $again
      try_table (catch_all $again)
        call $deep
      end
    end))
