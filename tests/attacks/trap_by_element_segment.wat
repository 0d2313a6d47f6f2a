;; tries: to be created in vain, after a data segment was copied
;; expect: trapped out_of_bounds_table
;; where: declares = instance + memory_page + memory_bulk + 4*memory_bulk_64_bytes/64 + table_bulk
;;   + 3*table_element + table_bulk + 2*table_element
;; bill: declares
(module
  (memory 1 1)
  (table 3 funcref)
  (elem (i32.const 2) $start $start)
  (data (i32.const 0) "mine")
  (func $start (export "_start")))
