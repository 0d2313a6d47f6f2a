;; tries: to have memory before it is run
;; expect: ok
;; where: declares = instance + memory_page
;; bill: declares + 2*simple + memory_grow + 9*memory_page + memory_size + simple
;; peak: 10
;; integral: declares + 2*simple + memory_grow + 9*memory_page + memory_size + simple
;;   + 9*(memory_size + simple)
(module
  (memory 1)
  (func $start
    i32.const 9
    memory.grow
    drop)
  (start $start)
  (func (export "_start")
    memory.size
    drop))
