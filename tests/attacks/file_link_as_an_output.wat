;; tries: to leave a symbolic link among the outputs, which leads whoever unpacks them astray
;; expect: ok
;; where: declares = instance + 2*memory_page + memory_bulk + 27*memory_bulk_64_bytes/64
;; host_calls: host.path_symlink + 1*path_step
(module
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 16) "../../.ssh/id_ed25519result")
  (func $expect (param $found i32) (param $expected i32)
    (if (i32.ne (local.get $found) (local.get $expected)) (then unreachable)))
  (func (export "_start")
    (call $expect (call $path_symlink (i32.const 16) (i32.const 21) (i32.const 4) (i32.const 37) (i32.const 6)) (i32.const 63))))
