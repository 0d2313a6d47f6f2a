;; tries: an end that is neither a return nor a trap
;; expect: refused exceptions
(module
  (tag $t)
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end
    throw $t))
