;; tries: calls by reference, which go round both kinds of call that are charged
;; expect: refused function_references
(module
  (type $nothing (func))
  (elem declare func $f)
  (func $f)
  (func (export "_start")
    ref.func $f
    call_ref $nothing))
