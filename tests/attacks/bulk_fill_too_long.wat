;; tries: the longest length there is, which traps at once: it is charged before
;; expect: trapped out_of_bounds_memory
;; where: declares = instance + memory_page
;; bill: declares + 3*simple + memory_fill + (2^32 - 1)*memory_bulk_64_bytes/64
(module
  (memory 1 1)
  (func (export "_start")
    i32.const 0
    i32.const 0
    i32.const -1
    memory.fill))
