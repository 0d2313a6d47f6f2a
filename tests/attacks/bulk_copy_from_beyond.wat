;; tries: a copy of nothing from beyond the memory, which traps
;; expect: trapped out_of_bounds_memory
;; where: declares = instance + memory_page
;; bill: declares + 3*simple + memory_bulk
(module
  (memory 1 1)
  (func (export "_start")
    i32.const 0
    i32.const 65537
    i32.const 0
    memory.copy))
