;; Two memories, one with 64-bit indices: growth, copies between them, and traps of both.
(module
  (memory $a (export "a") 1 3) (memory $b (export "b") i64 1 4)
  (data (memory $b) (i64.const 8) "abcdefgh")
  (func (export "f") (param $n i64) (result i64)
    (memory.copy $a $b (i32.const 1) (i64.const 8) (i32.const 8))
    (memory.fill $b (i64.const 100) (i32.const 3) (i64.and (local.get $n) (i64.const 1023)))
    (i64.store $b (i64.and (local.get $n) (i64.const 0x1ffff)) (local.get $n))
    (drop (memory.grow $b (i64.and (local.get $n) (i64.const 3))))
    (drop (memory.grow $a (i32.const 1)))
    (i64.add (i64.load $a (i32.const 1)) (memory.size $b)))
  (func (export "huge") (param $n i64) (result i64) (memory.grow $b (local.get $n)))
  (func (export "fill") (param $n i64) (memory.fill $b (i64.const 0) (i32.const 7) (local.get $n)))
  (func (export "load") (param $n i64) (result i64) (i64.load $b offset=65528 (local.get $n))))
