;; tries: to ask for the budget itself
;; expect: refused meterbox-meter-budget
(component
  (import "meterbox-meter-budget" (func (param "which" u32) (result s64))))
