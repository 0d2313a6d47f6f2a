;; tries: pages of a byte, which would be counted as pages of 64 KiB or as nothing
;; expect: refused custom page sizes
(module
  (memory 1 (pagesize 1))
  (func (export "_start")))
