;; A command that allocates a structure that a garbage collector has to free.
(module
  (type $point (struct (field $x (mut i32)) (field $y (mut i32))))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (struct.get $point $x (struct.new $point (i32.const 1) (i32.const 2))))))
