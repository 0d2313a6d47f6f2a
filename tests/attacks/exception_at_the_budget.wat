;; tries: to catch the end of its budget
;; expect: refused exceptions
(module
  (func $endless
    loop
      br 0
    end)
  (func (export "_start")
    loop $again
      try_table (catch_all $again)
        call $endless
      end
    end))
