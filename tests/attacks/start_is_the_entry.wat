;; tries: to be run twice for one bill
;; expect: ok
;; where: declares = instance
;; bill: declares + 2*(2*simple + branch + 1000*(4*simple + branch))
(module
  (func $start (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end)
  (start $start))
