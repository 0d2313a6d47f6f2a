;; tries: an arm that never runs and holds far more than the one that does
;; expect: ok
;; where: declares = instance + memory_page
;; bill: declares + simple + branch + simple + simple
(module
  (memory 1)
  (func (export "_start")
    i32.const 0
    if
      i32.const 65535
      memory.grow
      drop
      i32.const 0
      i32.const 0
      i32.const -1
      memory.fill
      loop
        br 0
      end
    else
      i32.const 1
      drop
    end))
