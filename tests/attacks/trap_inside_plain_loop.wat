;; tries: a trap in the last lap of a loop that is charged by the lap
;; expect: trapped division_by_zero
;; where: declares = instance
;; where: head = 6*simple + divide + branch
;; where: tail = branch
;; bill: declares + 2*simple + branch + 1000*head + 998*tail
(module
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      local.get $laps
      i32.const 1
      i32.sub
      local.set $laps
      i32.const 1
      local.get $laps
      i32.div_u
      br_if 0
      br 0
    end))
