;; tries: a bulk operator behind a branch that always leaves
;; expect: ok
;; where: declares = instance + memory_page
;; bill: declares + simple + branch
(module
  (memory 1)
  (func (export "_start")
    block
      i32.const 1
      br_if 0
      i32.const 0
      i32.const 0
      i32.const -1
      memory.fill
      i32.const -1
      memory.grow
      drop
    end))
