;; tries: laps that are charged one at a time, and a trap; the last lap is past the last head of a
;;   loop, where the count was recorded, and is not billed (M5)
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 4*simple + branch
;; bill: declares + 2*simple + branch + 99_999*lap
(module
  (func (export "_start") (local $laps i32)
    i32.const 100000
    local.set $laps
    loop
      block
      end
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end
    unreachable))
