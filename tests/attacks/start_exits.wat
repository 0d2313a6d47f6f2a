;; tries: to leave before it is run
;; expect: ok
;; where: declares = instance + memory_page
;; bill: declares + simple + call
;; host_calls: host.proc_exit
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 1)
  (func $start
    i32.const 0
    call $exit)
  (start $start)
  (func (export "_start")
    unreachable))
