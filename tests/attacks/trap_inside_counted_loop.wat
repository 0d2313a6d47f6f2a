;; tries: a trap in the first of a million laps, all of which were charged ahead: it pays for them all
;;   (M6)
;; expect: trapped division_by_zero
;; where: declares = instance
;; where: lap = 7*simple + divide + branch
;; bill: declares + 2*simple + branch + 1_000_000*lap
(module
  (func (export "_start") (local $laps i32) (local $zero i32)
    i32.const 1000000
    local.set $laps
    loop
      i32.const 1
      local.get $zero
      i32.div_u
      drop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
