;; tries: growth by 100,000 pages, which a memory with 64-bit indices may have, and to pay for 65,536 of them
;; expect: ok
;; where: declares = instance + memory_page
;; limit: instructions = 2^50
;; bill: declares + 2*simple + memory_grow + 100_000*memory_page
;; peak: 1
(module
  (memory i64 1)
  (func (export "_start")
    i64.const 100000
    memory.grow
    drop))
