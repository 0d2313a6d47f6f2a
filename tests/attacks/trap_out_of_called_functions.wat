;; tries: to trap ten frames down, so that no function returns
;; expect: trapped unreachable
;; where: declares = instance
;; where: down = 2*simple + branch + 3*simple + call
;; bill: declares + simple + call + 10*down + 2*simple + 3*branch
(module
  (func $down (param $frames i32)
    local.get $frames
    i32.eqz
    if
      block
        loop
          unreachable
        end
      end
    end
    local.get $frames
    i32.const 1
    i32.sub
    call $down)
  (func (export "_start")
    i32.const 10
    call $down))
