;; A command that loops for ever, and needs nothing from its host.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      br $again)))
