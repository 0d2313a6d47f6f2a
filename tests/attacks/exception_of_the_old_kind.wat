;; tries: the older exceptions, which no rule bills
;; expect: refused legacy_exceptions
(module
  (tag $t)
  (func (export "_start")
    try
      throw $t
    catch_all
    end))
