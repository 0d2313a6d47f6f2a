;; tries: the longest length there is, of a table
;; expect: trapped out_of_bounds_table
;; limit: instructions = 2^50
;; where: declares = instance + table_bulk + 10*table_element
;; bill: declares + 2*simple + reference + table_bulk + (2^32 - 1)*table_element
(module
  (table 10 funcref)
  (func (export "_start")
    i32.const 0
    ref.null func
    i32.const -1
    table.fill))
