;; tries: an endless run whose only way back is an exception
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (tag $t)
  (func $throws
    throw $t)
  (func (export "_start")
    loop $caught
      try_table (catch $t $caught)
        call $throws
      end
    end))
