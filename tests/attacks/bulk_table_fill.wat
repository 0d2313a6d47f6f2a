;; tries: to fill a large table a hundred times
;; expect: ok
;; where: declares = instance + table_bulk + 10_000*table_element
;; where: lap = 2*simple + reference + table_bulk + 10_000*table_element + 4*simple + branch
;; bill: declares + 2*simple + branch + 100*lap
(module
  (table 10000 funcref)
  (func (export "_start") (local $laps i32)
    i32.const 100
    local.set $laps
    loop
      i32.const 0
      ref.null func
      i32.const 10000
      table.fill
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
