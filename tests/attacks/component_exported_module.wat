;; tries: to hand out code of its own, for others to run
;; expect: refused an exported core module
(component
  (core module $m
    (func (export "run")))
  (export "code" (core module $m)))
