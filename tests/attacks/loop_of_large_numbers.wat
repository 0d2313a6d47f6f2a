;; tries: numbers so large that their difference is no longer one
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 6*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
(module
  (func (export "_start") (local $v i64)
    i64.const 0x4000000000000000
    local.set $v
    loop
      local.get $v
      i64.const 1
      i64.add
      local.tee $v
      i64.const 0x40000000000003e8
      i64.lt_s
      br_if 0
    end
    unreachable))
