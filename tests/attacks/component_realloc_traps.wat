;; tries: to work where its host calls it back, and to trap there
;; expect: trapped unreachable
;; where: declares = 2*instance + memory_page
;; where: lap = 4*simple + branch
;; bill: declares + 3*simple + call + 2*simple + branch + 1000*lap
;; host_calls: host.get_random_bytes
(component
  (import "wasi:random/random@0.2.12" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $memory
    (memory (export "memory") 1 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $laps i32)
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
  (core instance $memory (instantiate $memory))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
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
