;; tries: a trap as the first thing, before anything could be recorded
;; expect: trapped unreachable
;; where: declares = instance
;; bill: declares + branch
(module
  (func (export "_start")
    unreachable))
