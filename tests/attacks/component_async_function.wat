;; tries: functions that go on after they returned
;; expect: refused concurrency
(component
  (core func $yield (canon thread.yield)))
