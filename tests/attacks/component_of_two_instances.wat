;; tries: two instances of one module, each of which works in its start function and has a memory and
;;   a table: both are declared and billed, and the memory of both is counted
;; expect: trapped unreachable
;; where: declares = 2*(instance + memory_page + table_bulk + 10*table_element + global_declared)
;; where: start = 2*simple + branch + 1000*(4*simple + branch) + simple
;;   + memory_grow + memory_page + simple
;; bill: declares + 2*start + branch
;; peak: 4
(component
  (core module $m
    (memory (export "memory") 1)
    (table 10 funcref)
    (global (export "left") (mut i64) (i64.const 9000000000))
    (func $start (local $laps i32)
      i32.const 1000
      local.set $laps
      loop
        local.get $laps
        i32.const 1
        i32.sub
        local.tee $laps
        br_if 0
      end
      i32.const 1
      memory.grow
      drop)
    (start $start)
    (func (export "run") (result i32)
      unreachable))
  (core instance $first (instantiate $m))
  (core instance $m (instantiate $m))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $m "memory"))))
