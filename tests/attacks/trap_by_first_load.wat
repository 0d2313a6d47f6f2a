;; tries: a trap in the first segment, whose other operators never run: they are charged with it
;; expect: trapped out_of_bounds_memory
;; where: declares = instance + memory_page
;; bill: declares + 4*simple + 2*multiply + load
(module
  (memory 1 1)
  (func (export "_start")
    i32.const -1
    i32.load
    i32.const 2
    i32.mul
    i32.const 3
    i32.mul
    drop))
