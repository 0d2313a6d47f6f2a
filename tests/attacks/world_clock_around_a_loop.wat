;; tries: to tell machines apart by how long a loop takes, and to see when it runs
;; expect: ok
;; where: declares = instance + 2*memory_page
;; host_calls: 3*host.clock_time_get
(module
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 2 2)
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start") (local $laps i32)
    (call $expect (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0)) (i32.const 0))
    (local.set $laps (i32.const 1000000))
    (loop (br_if 0 (local.tee $laps (i32.sub (local.get $laps) (i32.const 1)))))
    (call $expect (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (i32.wrap_i64 (i64.sub (i64.load (i32.const 8)) (i64.load (i32.const 0)))) (i32.const 1000))
    (call $expect (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (i32.wrap_i64 (i64.sub (i64.load (i32.const 8)) (i64.const 1700000000000000000))) (i32.const 3000))))
