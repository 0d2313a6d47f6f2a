;; tries: 2^48 pages, whose bytes are more than a count can hold
;; expect: refused 18446744073709551615 bytes
(module
  (memory i64 0x1000000000000)
  (func (export "_start")))
