;; tries: polls that are refused by an error code: each is a call
;; expect: ok
;; where: declares = instance + memory_page
;; where: lap = 5*simple + call + 4*simple + branch
;; bill: declares + 2*simple + branch + 1000*lap
;; host_calls: 1000*host.poll_oneoff
;; bytes_out: 0
;; bytes_in: 0
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (func (export "_start") (local $laps i32)
    i32.const 1000
    local.set $laps
    loop
      i32.const 0
      i32.const 0
      i32.const -1
      i32.const 0
      call $poll
      drop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
