;; tries: to import the count, and to fill it up
;; expect: refused meterbox:meter
(module
  (import "meterbox:meter" "left" (global $left (mut i64)))
  (func (export "_start")
    i64.const 0x4000000000000000
    global.set $left))
