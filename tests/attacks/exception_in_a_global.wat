;; tries: to keep a chain of exceptions alive by one global
;; expect: refused a global that holds an exception
(module
  (global $kept (mut exnref) (ref.null exn))
  (func (export "_start")))
