;; tries: all the memory that its limit allows, a page at a time, and one page more
;; expect: ok
;; limit: memory_bytes = 10*65536
;; where: declares = instance + memory_page
;; where: lap = 3*simple + memory_grow + memory_page + branch
;; bill: declares + branch + 10*lap
;; peak: 10
;; integral: declares + branch + 10*lap + (9 + 8 + 7 + 6 + 5 + 4 + 3 + 2 + 1)*lap
(module
  (memory 1)
  (func (export "_start")
    loop
      i32.const 1
      memory.grow
      i32.const -1
      i32.ne
      br_if 0
    end))
