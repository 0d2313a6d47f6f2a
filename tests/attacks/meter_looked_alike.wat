;; tries: an import whose name begins as the meter's does
;; expect: refused meterbox:meters.left
(module
  (import "meterbox:meters" "left" (global $left (mut i64)))
  (func (export "_start")))
