;; tries: code two components deep, in one that is never instantiated
;; expect: refused nested component with core code
(component
  (component
    (component
      (core module
        (func)))))
