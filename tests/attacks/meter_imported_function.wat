;; tries: another import under the meter's name
;; expect: refused meterbox:meter
(module
  (import "meterbox:meter" "read" (func $read (param i32) (result i64)))
  (func (export "_start")))
