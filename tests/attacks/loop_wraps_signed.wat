;; tries: a first step over the largest number, after which the bound is 4,294 steps away
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 6*simple + branch
;; bill: declares + 2*simple + branch + 4295*lap
(module
  (func (export "_start") (local $v i32)
    i32.const 2146999999
    local.set $v
    loop
      local.get $v
      i32.const 1000000
      i32.add
      local.tee $v
      i32.const 2147000000
      i32.lt_s
      br_if 0
    end
    unreachable))
