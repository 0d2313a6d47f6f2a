;; tries: to keep exceptions where nothing counts their memory
;; expect: refused a table of exceptions
(module
  (table 1000000 exnref)
  (func (export "_start")))
