;; A command with an import that nobody provides.
(module
  (import "harbour" "ring_the_bell" (func $ring_the_bell (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (call $ring_the_bell (i32.const 3))))
