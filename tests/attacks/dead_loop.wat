;; tries: a loop of a million laps that looks counted, behind a return
;; expect: ok
;; where: declares = instance
;; bill: declares + 2*simple + branch
(module
  (func (export "_start") (local $laps i32)
    i32.const 1000000
    local.set $laps
    return
    loop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
