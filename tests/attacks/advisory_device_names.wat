;; tries: to reach devices by their names on other systems, as in CVE-2024-51745
;; expect: ok
;; where: declares = instance + 2*memory_page + memory_bulk + 17*memory_bulk_64_bytes/64
;; host_calls: 10*host.path_open + 10*path_step
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "CONCOM1LPT1NULdev")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 3) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 44))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 3) (i32.const 5) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 19) (i32.const 4) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 44))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 19) (i32.const 4) (i32.const 5) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 23) (i32.const 4) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 44))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 23) (i32.const 4) (i32.const 5) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 27) (i32.const 3) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 44))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 27) (i32.const 3) (i32.const 5) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 30) (i32.const 3) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 44))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 30) (i32.const 3) (i32.const 5) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))))
