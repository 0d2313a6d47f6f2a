;; tries: to trap where the work of functions that record nothing is not recorded yet: that of the last
;;   call is not billed, and of those before it is (M5)
;; expect: trapped division_by_zero
;; where: declares = instance
;; where: lap = call + 5*simple + branch
;; where: small = 3*simple + divide
;; bill: declares + 2*simple + branch + 1000*lap + 999*small
(module
  (func $small (param $by i32)
    i32.const 1
    local.get $by
    i32.div_u
    drop)
  (func (export "_start") (local $laps i32)
    i32.const 999
    local.set $laps
    loop
      local.get $laps
      call $small
      local.get $laps
      i32.const 1
      i32.sub
      local.set $laps
      br 0
    end))
