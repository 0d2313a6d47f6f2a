;; tries: to leave five hundred frames at once, a hundred times: all of them are given back
;; expect: refused exceptions
(module
  (tag $t)
  (func $deep (param $frames i32)
    local.get $frames
    i32.eqz
    if
      throw $t
    end
    local.get $frames
    i32.const 1
    i32.sub
    call $deep)
  (func (export "_start") (local $laps i32)
    i32.const 100
    local.set $laps
    loop
      block $caught
        try_table (catch $t $caught)
          i32.const 500
          call $deep
        end
        unreachable
      end
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
