;; tries: to keep a chain of exceptions, each of which carries the one before
;; expect: refused an exception that carries one
(module
  (tag $link (param exnref))
  (func (export "_start")))
