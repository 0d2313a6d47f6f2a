;; tries: to call the host through a table from the last frame that fits: the host is not called
;; expect: limit stack_units
;; limit: stack_units = frame_units + slot_units + 4*operator_stack_units
;; where: declares = instance + memory_page + table_bulk + table_element + table_bulk + table_element
;; bill: declares + 2*simple + call_indirect
;; host_calls: 0
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1 1)
  (table funcref (elem $yield))
  (func (export "_start")
    i32.const 0
    call_indirect (result i32)
    drop))
