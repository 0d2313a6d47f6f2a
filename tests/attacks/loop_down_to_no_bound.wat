;; tries: a comparison that holds for every number
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (func (export "_start") (local $v i32)
    i32.const 1000
    local.set $v
    loop
      local.get $v
      i32.const 1
      i32.sub
      local.tee $v
      i32.const 0
      i32.ge_u
      br_if 0
    end))
