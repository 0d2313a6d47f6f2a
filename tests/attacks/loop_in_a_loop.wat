;; tries: a counted loop whose count changes in each lap of another; what follows its last lap is not
;;   recorded before the trap
;; expect: trapped unreachable
;; where: declares = instance
;; where: inner = 4*simple + branch
;; where: outer = 4*simple + branch
;; bill: declares + 2*simple + branch + 100*(2*simple + branch) + 99*outer + 100*101/2*inner
(module
  (func (export "_start") (local $v i32) (local $w i32)
    i32.const 100
    local.set $v
    loop $outer
      local.get $v
      local.set $w
      loop $inner
        local.get $w
        i32.const 1
        i32.sub
        local.tee $w
        br_if $inner
      end
      local.get $v
      i32.const 1
      i32.sub
      local.tee $v
      br_if $outer
    end
    unreachable))
