;; tries: to read the provider's files through symbolic links that lead out of the folder
;; expect: ok
;; where: declares = instance + 2*memory_page + memory_bulk + 61*memory_bulk_64_bytes/64
;; host_calls: 3*host.path_open + 4*host.path_symlink + 11*path_step
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "../../etc/passwdup..aboveabove/etc/passwd/etc/passwdroottwice")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_symlink (i32.const 16) (i32.const 16) (i32.const 5) (i32.const 32) (i32.const 2)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 32) (i32.const 2) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))
    (call $expect (call $path_symlink (i32.const 34) (i32.const 2) (i32.const 5) (i32.const 36) (i32.const 5)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 41) (i32.const 16) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))
    (call $expect (call $path_symlink (i32.const 57) (i32.const 11) (i32.const 5) (i32.const 68) (i32.const 4)) (i32.const 63))
    (call $expect (call $path_symlink (i32.const 32) (i32.const 2) (i32.const 5) (i32.const 72) (i32.const 5)) (i32.const 0))
    (call $expect (call $path_open (i32.const 5) (i32.const 1) (i32.const 72) (i32.const 5) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)) (i32.const 63))))
