;; tries: a step over the bound, so that a loop that looks counted never ends
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (func (export "_start") (local $v i32)
    loop
      local.get $v
      i32.const 2
      i32.add
      local.tee $v
      i32.const 7
      i32.ne
      br_if 0
    end))
