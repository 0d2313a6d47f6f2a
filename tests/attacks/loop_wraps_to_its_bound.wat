;; tries: a step that does not divide the way to the bound, and meets it after 1,001 laps of which each
;;   wraps around; 1001 * -90104209 is 7 modulo 2^32
;; expect: trapped unreachable
;; where: declares = instance
;; where: lap = 6*simple + branch
;; bill: declares + branch + 1001*lap
(module
  (func (export "_start") (local $v i32)
    loop
      local.get $v
      i32.const -90104209
      i32.add
      local.tee $v
      i32.const 7
      i32.ne
      br_if 0
    end
    unreachable))
