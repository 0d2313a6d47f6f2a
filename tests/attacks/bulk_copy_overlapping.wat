;; tries: copies onto themselves, in the direction in which engines are slow
;; expect: ok
;; where: declares = instance + memory_page
;; where: lap = 3*simple + memory_bulk + 65535*memory_bulk_64_bytes/64 + 4*simple + branch
;; bill: declares + 2*simple + branch + 100*lap
(module
  (memory 1 1)
  (func (export "_start") (local $laps i32)
    i32.const 100
    local.set $laps
    loop
      i32.const 1
      i32.const 0
      i32.const 65535
      memory.copy
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
