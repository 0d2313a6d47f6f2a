;; tries: endless tail calls by reference
;; expect: refused function_references
(module
  (type $nothing (func))
  (elem declare func $f)
  (func $f
    ref.func $f
    return_call_ref $nothing)
  (func (export "_start")
    call $f))
