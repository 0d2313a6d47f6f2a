;; tries: recursion by way of a table
;; expect: limit stack_units
;; limit: stack_units = 1000*(frame_units + slot_units + 3*operator_stack_units)
;; where: declares = instance + table_bulk + table_element + table_bulk + table_element
;; bill: declares + 1001*(simple + call_indirect)
(module
  (table funcref (elem $deeper))
  (func $deeper (export "_start")
    i32.const 0
    call_indirect))
