;; tries: 2^60 laps, whose charge would be more than a count can hold
;; expect: limit instructions
;; where: declares = instance
;; bill: budget
(module
  (func (export "_start") (local $v i64)
    loop
      local.get $v
      i64.const 1
      i64.add
      local.tee $v
      i64.const 0x1000000000000000
      i64.lt_s
      br_if 0
    end))
