;; tries: to enter a counted loop again and again, once for a single lap each
;; expect: ok
;; where: declares = instance
;; where: inner = 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*(2*simple + branch + inner + 4*simple + branch)
(module
  (func (export "_start") (local $laps i32) (local $w i32)
    i32.const 1000
    local.set $laps
    loop $outer
      i32.const 1
      local.set $w
      loop $inner
        local.get $w
        i32.const 1
        i32.sub
        local.tee $w
        br_if $inner
      end
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if $outer
    end))
