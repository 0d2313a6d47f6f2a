;; tries: a component that comes from elsewhere
;; expect: refused imported component
(component
  (import "code" (component $c)))
