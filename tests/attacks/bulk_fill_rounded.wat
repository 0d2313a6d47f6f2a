;; tries: lengths whose charge is rounded down to nothing, a thousand times: each pays its operator
;; expect: ok
;; where: declares = instance + memory_page
;; where: lap = 3*simple + memory_fill + 10*memory_bulk_64_bytes/64 + 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
(module
  (memory 1 1)
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      i32.const 0
      i32.const 1
      i32.const 10
      memory.fill
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
