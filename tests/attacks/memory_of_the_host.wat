;; tries: a memory of the host's, which nobody declared
;; expect: refused env.memory
(module
  (import "env" "memory" (memory 1))
  (func (export "_start")))
