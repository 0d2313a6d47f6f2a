;; tries: numbers that are negative if they are taken as signed
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 6*simple + branch
;; bill: declares + 2*simple + branch + 999*lap
(module
  (func (export "_start") (local $v i64)
    i64.const -1000
    local.set $v
    loop
      local.get $v
      i64.const 1
      i64.add
      local.tee $v
      i64.const -1
      i64.lt_u
      br_if 0
    end
    unreachable))
