;; tries: polls of a thousand clocks, all of which are ready at once, without end
;; expect: limit host_calls
;; limit: host_calls = 100*host.poll_oneoff
;; where: declares = instance + 2*memory_page
;; bill: declares + branch + 101*(5*simple + call + branch)
;; host_calls: 100*host.poll_oneoff
;; bytes_out: 100*1024*48
;; bytes_in: 100*1024*32
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (func (export "_start")
    loop
      i32.const 0
      i32.const 65536
      i32.const 1024
      i32.const 98304
      call $poll
      drop
      br 0
    end))
