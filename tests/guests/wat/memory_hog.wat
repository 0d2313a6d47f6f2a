;; A command that grows its memory page by page, and touches each, until it gets no more; then it
;; traps.
(module
  (memory $memory (export "memory") 1)
  (func (export "_start")
    (local $pages i32)
    (loop $again
      (local.set $pages (memory.grow (i32.const 1)))
      (if (i32.eq (local.get $pages) (i32.const -1))
        (then unreachable))
      (i32.store (i32.shl (local.get $pages) (i32.const 16)) (i32.const 1))
      br $again)))
