;; tries: exceptions as a way to go on, without a branch
;; expect: refused exceptions
(module
  (tag $t)
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      block $caught
        try_table (catch $t $caught)
          throw $t
        end
        unreachable
      end
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
