;; tries: to copy more of a segment than there is, of which nothing is copied
;; expect: trapped out_of_bounds_table
;; where: declares = instance + table_bulk + 100*table_element + table_bulk + 3*table_element
;; bill: declares + 3*simple + table_bulk + 4*table_element
(module
  (table 100 funcref)
  (elem $three func $f $f $f)
  (func $f)
  (func (export "_start")
    i32.const 0
    i32.const 0
    i32.const 4
    table.init $three))
