;; tries: a segment that is gone, so that its copy traps
;; expect: trapped out_of_bounds_memory
;; where: declares = instance + memory_page + memory_bulk + 32*memory_bulk_64_bytes/64
;; bill: declares + 2*memory_bulk + 3*simple + 32*memory_bulk_64_bytes/64
(module
  (memory 1 1)
  (data $gone "thirty-two bytes of a segment...")
  (func (export "_start")
    data.drop $gone
    i32.const 0
    i32.const 0
    i32.const 32
    memory.init $gone))
