;; tries: functions that go on after they returned
;; expect: refused component model async
(component
  (core func $yield (canon thread.yield)))
