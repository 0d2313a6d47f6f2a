;; tries: to throw what was caught, over and over
;; expect: refused exceptions
(module
  (tag $t)
  (func (export "_start") (local $laps i32) (local $caught exnref)
    block $first (result exnref)
      try_table (catch_all_ref $first)
        throw $t
      end
      unreachable
    end
    local.set $caught
    i32.const 1000
    local.set $laps
    loop
      block $again (result exnref)
        try_table (catch_all_ref $again)
          local.get $caught
          throw_ref
        end
        unreachable
      end
      local.set $caught
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
