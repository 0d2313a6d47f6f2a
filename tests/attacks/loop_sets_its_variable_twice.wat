;; tries: a second step, which halves the laps
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 10*simple + branch
;; bill: declares + branch + 500*lap
(module
  (func (export "_start") (local $v i32)
    loop
      local.get $v
      i32.const 1
      i32.add
      local.set $v
      local.get $v
      i32.const 1
      i32.add
      local.tee $v
      i32.const 1000
      i32.ne
      br_if 0
    end
    unreachable))
