;; tries: a step that is a local, and nothing
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (func (export "_start") (local $v i32) (local $step i32)
    loop
      local.get $v
      local.get $step
      i32.add
      local.tee $v
      i32.const 1000
      i32.lt_s
      br_if 0
    end))
