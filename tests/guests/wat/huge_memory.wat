;; A command that wants all the memory that an address can reach, before it has done anything.
(module
  (memory (export "memory") 65536)
  (func (export "_start")))
