;; tries: 2^63 laps to a bound that is met exactly
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
      i64.const 0x8000000000000000
      i64.ne
      br_if 0
    end))
