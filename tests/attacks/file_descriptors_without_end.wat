;; tries: to have the host keep open files without end
;; expect: limit handles
;; limit: handles = 50
;; where: declares = instance + 2*memory_page + memory_bulk + 1*memory_bulk_64_bytes/64
;; host_calls: 51*host.path_open + 51*path_step
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "a")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (loop
      (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 0))
      (br 0))))
