;; tries: to catch a trap, and go on for nothing
;; expect: refused exceptions
(module
  (func (export "_start")
    loop $again
      try_table (catch_all $again)
        unreachable
      end
    end))
