;; tries: to catch a trap, and go on for nothing
;; expect: trapped unreachable
;; where: declares = instance
;; bill: declares + branch + branch
(module
  (func (export "_start")
    loop $again
      try_table (catch_all $again)
        unreachable
      end
    end))
