;; tries: to have twice its limit, in two memories
;; expect: ok
;; limit: memory_bytes = 4*65536
;; where: declares = instance + 2*memory_page
;; where: grown = 3*simple + memory_grow + branch
;; bill: declares + grown + 2*memory_page + grown + memory_page
;; peak: 4
(module
  (memory $a 1)
  (memory $b 1)
  (func (export "_start")
    i32.const 2
    memory.grow $a
    i32.const 1
    i32.ne
    if
      unreachable
    end
    i32.const 1
    memory.grow $b
    i32.const -1
    i32.ne
    if
      unreachable
    end))
