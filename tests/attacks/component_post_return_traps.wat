;; tries: to work after its result was taken, and to trap there
;; expect: trapped unreachable
;; where: declares = instance + memory_page
;; bill: declares + simple + 2*simple + branch + 1000*(4*simple + branch)
(component
  (core module $m
    (memory (export "memory") 1 1)
    (func (export "run") (result i32)
      i32.const 0)
    (func (export "after") (param i32) (local $laps i32)
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
  (core instance $m (instantiate $m))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $m "memory") (post-return (func $m "after")))))
