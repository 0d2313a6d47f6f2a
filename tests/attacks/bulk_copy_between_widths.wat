;; tries: a copy between a memory of 64 bits and one of 32, whose length is one of 32
;; expect: trapped out_of_bounds_memory
;; where: declares = instance + 2*memory_page
;; bill: declares + 3*simple + memory_bulk + (2^32 - 1)*memory_bulk_64_bytes/64
(module
  (memory $wide i64 1 1)
  (memory $narrow 1 1)
  (func (export "_start")
    i64.const 0
    i32.const 0
    i32.const -1
    memory.copy $wide $narrow))
