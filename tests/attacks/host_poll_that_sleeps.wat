;; tries: to hold the machine by sleeping three hundred years, a hundred times: virtual time passes,
;;   and no other
;; expect: ok
;; where: declares = instance + memory_page + memory_bulk + 8*memory_bulk_64_bytes/64
;; where: lap = 5*simple + call + 4*simple + branch
;; bill: declares + 2*simple + branch + 100*lap
;; host_calls: 100*host.poll_oneoff
;; bytes_out: 100*48
;; bytes_in: 100*32
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 24) "\ff\ff\ff\ff\ff\ff\ff\7f")
  (func (export "_start") (local $laps i32)
    i32.const 100
    local.set $laps
    loop
      i32.const 0
      i32.const 64
      i32.const 1
      i32.const 128
      call $poll
      drop
      local.get $laps
      i32.const 1
      i32.sub
      local.tee $laps
      br_if 0
    end))
