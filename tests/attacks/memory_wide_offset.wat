;; tries: an address and an offset that together are beyond 2^64
;; expect: trapped out_of_bounds_memory
;; where: declares = instance + memory_page
;; bill: declares + simple + load + simple
(module
  (memory i64 1 1)
  (func (export "_start")
    i64.const -16
    i64.load offset=0xfffffffffffffff0
    drop))
