;; A tail call within and behind a handler: the frame that throws is the callee's.
(module
  (tag $e (param i64))
  (func $throws (param i64) (result i64) (loop) (throw $e (i64.add (local.get 0) (i64.const 1))))
  (func $tail (param i64) (result i64) (return_call $throws (local.get 0)))
  (func (export "f") (param i64) (result i64)
    (block $b (result i64) (try_table (catch $e $b) (return (call $tail (local.get 0)))) (unreachable)))
  (func (export "leaves_its_handler") (param i64) (result i64)
    (block $b (result i64) (try_table (catch $e $b) (return_call $tail (local.get 0))) (unreachable))))
