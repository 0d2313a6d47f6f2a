;; tries: to leave by a call of the host through a table
;; expect: limit host_calls
;; limit: host_calls = 1000*host.sched_yield
;; where: declares = instance + memory_page + table_bulk + table_element + table_bulk + table_element
;; bill: declares + branch + 1001*(call + simple + branch + simple + call_indirect)
;; host_calls: 1000*host.sched_yield
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1 1)
  (table funcref (elem $yield))
  (func $leave (result i32)
    i32.const 0
    return_call_indirect (result i32))
  (func (export "_start")
    loop
      call $leave
      drop
      br 0
    end))
