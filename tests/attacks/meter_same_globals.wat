;; tries: globals with the names, types and values of the meter's, for whoever takes them for it
;; expect: trapped unreachable
;; where: declares = instance + 5*global_declared
;; where: lap = simple + global + 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
(module
  (global $left (export "left") (mut i64) (i64.const 20000000000))
  (global (export "stack-left") (mut i32) (i32.const 1048576))
  (global (export "pages-grown") (mut i64) (i64.const 0))
  (global (export "grown-low") (mut i64) (i64.const 0))
  (global (export "grown-high") (mut i64) (i64.const 0))
  (func (export "read") (param i32) (result i64)
    i64.const 20000000000)
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      i64.const 20000000000
      global.set $left
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end
    unreachable))
