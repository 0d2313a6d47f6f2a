;; tries: a test of the variable as it was before its step
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 9*simple + branch
;; bill: declares + branch + 1001*lap
(module
  (func (export "_start") (local $v i32) (local $more i32)
    loop
      local.get $v
      i32.const 1000
      i32.lt_s
      local.set $more
      local.get $v
      i32.const 1
      i32.add
      local.set $v
      local.get $more
      br_if 0
    end
    unreachable))
