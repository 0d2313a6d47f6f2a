;; tries: growth that cannot succeed, over and over: each pays for the pages that it asks for
;; expect: ok
;; limit: instructions = 2^50
;; where: declares = instance + memory_page
;; where: lap = 2*simple + memory_grow + 65_535*memory_page + 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
;; peak: 1
(module
  (memory 1 1)
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      i32.const 65535
      memory.grow
      drop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
