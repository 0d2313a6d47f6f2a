;; tries: a step of 2^31, which is its own negative, and misses its bound for ever
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (func (export "_start") (local $v i32)
    loop
      local.get $v
      i32.const 0x80000000
      i32.add
      local.tee $v
      i32.const 1
      i32.ne
      br_if 0
    end))
