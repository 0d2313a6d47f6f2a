;; tries: its limit in each of many memories
;; expect: refused 402653184 bytes
(module
  (memory 2048)
  (memory 2048)
  (memory 2048)
  (func (export "_start")))
