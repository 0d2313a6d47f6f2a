;; tries: a branch out of a loop that looks as if it ran a thousand million laps, to be charged for
;;   laps that are not run
;; expect: ok
;; where: declares = instance
;; where: head = 3*simple + branch
;; where: tail = 6*simple + branch
;; bill: declares + branch + 11*head + 10*tail
(module
  (func (export "_start") (local $v i32)
    block
      loop
        local.get $v
        i32.const 10
        i32.eq
        br_if 1
        local.get $v
        i32.const 1
        i32.add
        local.tee $v
        i32.const 1000000000
        i32.ne
        br_if 0
      end
    end))
