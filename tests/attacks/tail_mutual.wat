;; tries: an endless run between two functions, each of which leaves the other
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (func $there (param i32)
    local.get 0
    i32.const 1
    return_call $back)
  (func $back (param i32 i32)
    local.get 1
    return_call $there)
  (func (export "_start")
    i32.const 0
    return_call $there))
