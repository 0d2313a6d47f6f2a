;; tries: all the memory that an address can reach, before anything ran
;; expect: refused 4294967296 bytes
(module
  (memory 65536)
  (func (export "_start")))
