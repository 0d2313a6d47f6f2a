;; tries: to catch the end of its stack, and recurse again
;; expect: refused exceptions
(module
  (func $deep (export "_start")
    loop $again
      try_table (catch_all $again)
        call $deep
      end
    end))
