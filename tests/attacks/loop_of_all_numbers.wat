;; tries: 2^32 laps, under a budget for few of them: it ends before the second
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (func (export "_start") (local $v i32)
    loop
      local.get $v
      i32.const 1
      i32.sub
      local.tee $v
      br_if 0
    end))
