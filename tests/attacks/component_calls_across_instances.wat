;; tries: work in another instance, which traps and whose caller never hears of it
;; expect: trapped unreachable
;; where: declares = 2*instance + memory_page
;; bill: declares + 2*simple + call + branch + 1000*(4*simple + branch)
(component
  (core module $worker
    (func (export "work") (param $laps i32)
      loop
        local.get $laps
        i32.const 1
        i32.sub
        local.tee $laps
        br_if 0
      end
      unreachable))
  (core instance $worker (instantiate $worker))
  (core module $m
    (import "worker" "work" (func $work (param i32)))
    (memory (export "memory") 1 1)
    (func (export "run") (result i32)
      i32.const 1000
      call $work
      i32.const 0))
  (core instance $m (instantiate $m (with "worker" (instance $worker))))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $m "memory"))))
