;; tries: to end its start function by an exception
;; expect: refused exceptions
(module
  (tag $t)
  (func $start
    throw $t)
  (start $start)
  (func (export "_start")))
