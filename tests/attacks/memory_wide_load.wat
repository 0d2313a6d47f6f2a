;; tries: an address near 2^64, whose end wraps around
;; expect: trapped out_of_bounds_memory
;; where: declares = instance + memory_page
;; bill: declares + simple + load + simple
(module
  (memory i64 1 1)
  (func (export "_start")
    i64.const -1
    i64.load
    drop))
