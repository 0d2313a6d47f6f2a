;; tries: an endless run whose only way back is an exception
;; expect: refused exceptions
(module
  (tag $t)
  (func $throws
    throw $t)
  (func (export "_start")
    loop $caught
      try_table (catch $t $caught)
        call $throws
      end
    end))
