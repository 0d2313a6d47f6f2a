;; tries: a memory that other threads change
;; expect: refused threads
(module
  (memory 1 1 shared)
  (func (export "_start")))
