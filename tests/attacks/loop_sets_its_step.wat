;; tries: a step that doubles while the loop runs
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 11*simple + branch
;; bill: declares + 2*simple + branch + 10*lap
(module
  (func (export "_start") (local $v i32) (local $step i32)
    i32.const 1
    local.set $step
    loop
      local.get $v
      local.get $step
      i32.add
      local.set $v
      local.get $step
      local.get $step
      i32.add
      local.set $step
      local.get $v
      i32.const 1023
      i32.lt_s
      br_if 0
    end
    unreachable))
