;; tries: to be created in vain: what is declared is billed before anything is created
;; expect: trapped out_of_bounds_memory
;; where: declares = instance + memory_page + memory_bulk + 4*memory_bulk_64_bytes/64
;; bill: declares
(module
  (memory 1 1)
  (data (i32.const 65533) "mine")
  (func (export "_start")))
