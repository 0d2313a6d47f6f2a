;; tries: an instance that exports the meter's name without code of its own, for whoever looks for it
;;   after the trap
;; expect: trapped unreachable
;; where: declares = 2*instance + memory_page
;; where: lap = 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
(component
  (core module $other
    (func (export "read") (param i32) (result i64)
      i64.const 9000000000))
  (core instance $other (instantiate $other))
  (core instance $alike (export "meterbox:meter/read" (func $other "read")))
  (core module $m
    (memory (export "memory") 1 1)
    (func (export "run") (result i32) (local $laps i32)
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
  (core instance $m (instantiate $m (with "alike" (instance $alike))))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $m "memory"))))
