;; tries: work in a second memory, and growth of it
;; expect: ok
;; where: declares = instance + 3*memory_page
;; bill: declares + 3*simple + memory_fill + 65536*memory_bulk_64_bytes/64 + simple + memory_grow
;;   + 3*memory_page + simple + 3*simple + memory_bulk + 65536*memory_bulk_64_bytes/64
;; peak: 6
;; integral: 3*(declares + 3*simple + memory_fill + 65536*memory_bulk_64_bytes/64 + simple + memory_grow
;;   + 3*memory_page + simple + 3*simple + memory_bulk + 65536*memory_bulk_64_bytes/64)
;;   + 3*(65536*memory_bulk_64_bytes/64)
(module
  (memory $a 1)
  (memory $b 2)
  (func (export "_start")
    i32.const 0
    i32.const 1
    i32.const 65536
    memory.fill $b
    i32.const 3
    memory.grow $b
    drop
    i32.const 65536
    i32.const 0
    i32.const 65536
    memory.copy $b $a))
