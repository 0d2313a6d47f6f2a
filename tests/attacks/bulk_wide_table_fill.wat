;; tries: a length near 2^64, of a table
;; expect: trapped out_of_bounds_table
;; limit: instructions = 2^60
;; where: declares = instance + table_bulk + 10*table_element
;; bill: declares + 2*simple + reference + table_bulk + 2^40*table_element
(module
  (table i64 10 funcref)
  (func (export "_start")
    i64.const 0
    ref.null func
    i64.const -1
    table.fill))
