;; tries: growth by 2^64 - 1 pages, whose charge would be more than a count can hold: it is charged as 2^40
;;   pages
;; expect: ok
;; where: declares = instance + memory_page
;; bill: declares + 2*simple + memory_grow + 2^40*memory_page
;; limit: instructions = 2^60
;; peak: 1
(module
  (memory i64 1)
  (func (export "_start")
    i64.const -1
    memory.grow
    drop))
