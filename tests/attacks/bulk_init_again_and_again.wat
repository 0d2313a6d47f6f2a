;; tries: to copy a segment a thousand times
;; expect: ok
;; where: declares = instance + memory_page + memory_bulk + 32*memory_bulk_64_bytes/64
;; where: lap = 3*simple + memory_bulk + 32*memory_bulk_64_bytes/64 + 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
(module
  (memory 1 1)
  (data $kept "thirty-two bytes of a segment...")
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      i32.const 0
      i32.const 0
      i32.const 32
      memory.init $kept
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
