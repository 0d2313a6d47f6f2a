;; tries: table operators without a length
;; expect: ok
;; where: declares = instance + table_bulk + 10*table_element + table_bulk + table_element
;; where: lap = 3*simple + table_bulk + 3*simple + table_bulk + table_bulk + 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
(module
  (table 10 funcref)
  (elem $one func $f)
  (func $f)
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      i32.const 10
      i32.const 10
      i32.const 0
      table.copy
      i32.const 10
      i32.const 0
      i32.const 0
      table.init $one
      elem.drop $one
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
