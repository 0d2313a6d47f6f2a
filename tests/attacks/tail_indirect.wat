;; tries: an endless run by way of a table
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance + table_bulk + table_element + table_bulk + table_element
;; bill: budget
(module
  (table funcref (elem $again))
  (func $again
    i32.const 0
    return_call_indirect)
  (func (export "_start")
    return_call $again))
