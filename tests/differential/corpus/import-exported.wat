;; M5: an imported function that is exported again, and one that is the start function.
(module
  (import "host" "nothing" (func $nothing))
  (import "host" "twice" (func $twice (param i32) (result i32)))
  (export "twice" (func $twice))
  (export "again" (func $f))
  (func $f (export "f") (param i32) (result i32) (call $nothing) (call $twice (local.get 0)))
  (start $nothing))
