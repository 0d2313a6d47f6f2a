;; tries: to run before it is run, without end
;; expect: limit instructions
;; limit: instructions = 1_000_000
;; where: declares = instance
;; bill: budget
(module
  (func $start
    loop
      br 0
    end)
  (start $start)
  (func (export "_start")))
