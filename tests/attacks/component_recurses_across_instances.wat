;; tries: to take twice the stack by recursion between two instances, by way of a table of one of them
;; expect: limit stack_units
;; where: declares = 2*instance + memory_page + table_bulk + table_element + table_bulk + table_element
;; where: there = frame_units + 2*slot_units + 3*operator_stack_units
;; where: back = frame_units + 2*slot_units + 2*operator_stack_units
;; limit: stack_units = there + 100*(back + there) + back/2
;; bill: declares + 101*(simple + call_indirect) + 101*call
(component
  (core module $first
    (table (export "table") 1 funcref)
    (memory (export "memory") 1 1)
    (func (export "run") (result i32)
      i32.const 0
      call_indirect (result i32)))
  (core instance $m (instantiate $first))
  (core module $second
    (import "first" "table" (table 1 funcref))
    (import "first" "run" (func $run (result i32)))
    (elem (i32.const 0) $back)
    (func $back (result i32)
      call $run))
  (core instance (instantiate $second (with "first" (instance $m))))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $m "memory"))))
