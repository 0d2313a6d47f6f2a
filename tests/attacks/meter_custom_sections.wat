;; tries: sections that name functions that are not there, debug information of nothing, and the
;;   meter itself
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
(module
  (@custom "name" "\01\ff\ff\ff\ff\0f\00not a name section")
  (@custom "meterbox:meter" "left")
  (@custom ".debug_info" "\ff\ff\ff\ff")
  (@custom "sourceMappingURL" "\ff")
  (@custom "producers" "\ff\ff")
  (@custom "dylink.0" "\ff\ff")
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
    unreachable))
