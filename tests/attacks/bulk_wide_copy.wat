;; tries: a length near 2^63 from an address near 2^64, whose end wraps around to the beginning
;; expect: trapped out_of_bounds_memory
;; limit: instructions = 2^60
;; where: declares = instance + memory_page
;; bill: declares + 3*simple + memory_bulk + 2^40*memory_bulk_64_bytes/64
(module
  (memory i64 1 1)
  (func (export "_start")
    i64.const 0
    i64.const 0x8000000000000001
    i64.const 0x7fffffffffffffff
    memory.copy))
