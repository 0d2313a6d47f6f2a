;; tries: to leave by a call of the host, which ends at its own limit
;; expect: limit host_calls
;; limit: host_calls = 1000*host.sched_yield
;; where: declares = instance + memory_page
;; bill: declares + branch + 1001*(call + simple + branch + call)
;; host_calls: 1000*host.sched_yield
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1 1)
  (func $leave (result i32)
    return_call $yield)
  (func (export "_start")
    loop
      call $leave
      drop
      br 0
    end))
