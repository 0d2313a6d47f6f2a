;; tries: a length near 2^64, whose charge would be more than a count can hold: it is charged as 2^40
;; expect: trapped out_of_bounds_memory
;; limit: instructions = 2^60
;; where: declares = instance + memory_page
;; bill: declares + 3*simple + memory_fill + 2^40*memory_bulk_64_bytes/64
(module
  (memory i64 1 1)
  (func (export "_start")
    i64.const 0
    i32.const 0
    i64.const -1
    memory.fill))
