;; tries: hints that every branch goes the other way, which an engine may believe where it likes
;; expect: trapped unreachable
;; where: declares = instance
;; where: head = 3*simple + branch
;; where: tail = 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*head + 999*tail
(module
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      local.get $laps
      i32.const 1
      i32.lt_u
      (@metadata.code.branch_hint "\01")
      if
        unreachable
      end
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      (@metadata.code.branch_hint "\00")
      br_if 0
    end
    unreachable))
