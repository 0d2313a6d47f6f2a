;; tries: to leave without a return, after a million laps
;; expect: failed 3
;; where: declares = instance + memory_page
;; where: lap = 4*simple + branch
;; bill: declares + 2*simple + branch + 1_000_000*lap + simple + call
;; host_calls: host.proc_exit
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 1)
  (func (export "_start") (local $laps i32)
    i32.const 1000000
    local.set $laps
    loop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end
    i32.const 3
    call $exit))
