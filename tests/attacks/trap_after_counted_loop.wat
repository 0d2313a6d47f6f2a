;; tries: a million laps that are charged ahead, and a trap before the function returns
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 4*simple + branch
;; bill: declares + 2*simple + branch + 1_000_000*lap
(module
  (func (export "_start") (local $laps i32)
    i32.const 1000000
    local.set $laps
    loop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end
    unreachable))
