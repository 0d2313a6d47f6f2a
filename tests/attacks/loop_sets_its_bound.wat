;; tries: a bound that moves while the loop runs
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 10*simple + branch
;; bill: declares + 2*simple + branch + 500*lap
(module
  (func (export "_start") (local $v i32) (local $bound i32)
    i32.const 1000
    local.set $bound
    loop
      local.get $bound
      i32.const 1
      i32.sub
      local.set $bound
      local.get $v
      i32.const 1
      i32.add
      local.tee $v
      local.get $bound
      i32.lt_s
      br_if 0
    end
    unreachable))
