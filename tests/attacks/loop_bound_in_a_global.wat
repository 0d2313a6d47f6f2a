;; tries: a bound in a global, which the body moves
;; expect: trapped unreachable
;; where: declares = instance + global_declared
;; where: lap = simple + global + 4*simple + global + simple + branch
;; bill: declares + branch + 10*lap
(module
  (global $bound (mut i32) (i32.const 1000000000))
  (func (export "_start") (local $v i32)
    loop
      i32.const 10
      global.set $bound
      local.get $v
      i32.const 1
      i32.add
      local.tee $v
      global.get $bound
      i32.lt_s
      br_if 0
    end
    unreachable))
