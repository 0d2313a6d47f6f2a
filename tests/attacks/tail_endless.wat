;; tries: an endless run without a loop, in one frame
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (func $again
    return_call $again)
  (func (export "_start")
    return_call $again))
