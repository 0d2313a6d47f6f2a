;; tries: a start function of the component's own, outside of all modules
;; expect: refused component model `value`s
(component
  (import "f" (func $f))
  (start $f))
