;; tries: a bound in memory, which the first lap moves from a thousand million to ten
;; expect: trapped unreachable
;; where: declares = instance + memory_page + memory_bulk + 4*memory_bulk_64_bytes/64
;; where: lap = 2*simple + store + 4*simple + simple + load + simple + branch
;; bill: declares + branch + 10*lap
(module
  (memory 1 1)
  (data (i32.const 0) "\00\ca\9a\3b")
  (func (export "_start") (local $v i32)
    loop
      i32.const 0
      i32.const 10
      i32.store
      local.get $v
      i32.const 1
      i32.add
      local.tee $v
      i32.const 0
      i32.load
      i32.lt_s
      br_if 0
    end
    unreachable))
