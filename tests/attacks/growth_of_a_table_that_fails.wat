;; tries: growth of a table that cannot succeed, over and over
;; expect: ok
;; limit: instructions = 2^50
;; where: declares = instance + table_bulk
;; where: lap = reference + 2*simple + table_bulk + (2^32 - 1)*table_element + 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
(module
  (table 0 funcref)
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      ref.null func
      i32.const -1
      table.grow
      drop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
