;; A command that calls itself for ever; what follows the call keeps it from being a tail call.
(module
  (memory (export "memory") 1)
  (func $deeper (param $depth i64) (result i64)
    local.get $depth
    i64.const 1
    i64.add
    call $deeper
    local.get $depth
    i64.xor)
  (func (export "_start")
    i64.const 0
    call $deeper
    drop))
