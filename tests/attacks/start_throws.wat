;; tries: to end its start function by an exception
;; expect: trapped uncaught_exception
;; where: declares = instance
;; bill: declares + throw
(module
  (tag $t)
  (func $start
    throw $t)
  (start $start)
  (func (export "_start")))
