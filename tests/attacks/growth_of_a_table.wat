;; tries: a table an element at a time, up to its limit and one more
;; expect: ok
;; limit: table_elements = 100
;; where: declares = instance + table_bulk
;; where: lap = reference + 3*simple + table_bulk + table_element + branch
;; bill: declares + branch + 101*lap
(module
  (table 0 funcref)
  (func (export "_start")
    loop
      ref.null func
      i32.const 1
      table.grow
      i32.const -1
      i32.ne
      br_if 0
    end))
