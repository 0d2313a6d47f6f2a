;; tries: hints for functions and offsets that are not there
;; expect: ok
;; where: declares = instance
;; bill: declares + 2*simple + branch + 1000*(4*simple + branch)
(module
  (@custom "metadata.code.branch_hint" (before code)
    "\02\00\01\ff\ff\03\01\01\ff\ff\ff\ff\0f\01\00\01\07")
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
