;; tries: bulk operators without a length, which still have to look at their memory
;; expect: ok
;; where: declares = instance + memory_page
;; where: lap = 3*simple + memory_fill + 4*simple + branch
;; bill: declares + 2*simple + branch + 10_000*lap
(module
  (memory 1 1)
  (func (export "_start") (local $laps i32)
    i32.const 10000
    local.set $laps
    loop
      i32.const 65536
      i32.const 0
      i32.const 0
      memory.fill
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
