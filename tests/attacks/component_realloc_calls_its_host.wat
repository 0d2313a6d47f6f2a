;; tries: to call its host from where its host calls it back
;; expect: trapped cannot_leave_component
;; where: declares = 3*instance + memory_page + table_bulk + table_element + table_bulk + table_element
;; bill: declares + 3*simple + call + 4*simple + call_indirect
;; host_calls: host.get_random_bytes
(component
  (import "wasi:random/random@0.2.12" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $memory
    (memory (export "memory") 1 1)
    (table (export "table") 1 funcref)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      i64.const 100
      i32.const 64
      i32.const 0
      call_indirect (param i64 i32)
      i32.const 0))
  (core instance $memory (instantiate $memory))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core module $fill
    (import "host" "random" (func $random (param i64 i32)))
    (import "memory" "table" (table 1 funcref))
    (elem (i32.const 0) $random))
  (core instance (instantiate $fill
    (with "host" (instance (export "random" (func $random))))
    (with "memory" (instance $memory))))
  (core module $m
    (import "host" "random" (func $random (param i64 i32)))
    (func (export "run") (result i32)
      i64.const 100
      i32.const 64
      call $random
      i32.const 0))
  (core instance $m (instantiate $m
    (with "host" (instance (export "random" (func $random))))))
  (func (export "run") (result (result (error string)))
    (canon lift (core func $m "run") (memory $memory "memory"))))
