//! Standard streams and polling as components see them, beyond what standard libraries call.

use crate::job::Job;
use crate::linker::component_of;

/// A job of this body, with the standard streams in the locals `$in` and `$out`, and room for
/// results at 1024.
fn job(body: &str) -> Job {
    let text = format!(
        r#"(module
        (import "wasi:cli/stdin@0.2.12" "get-stdin" (func $stdin (result i32)))
        (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
        (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
        (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration"
            (func $sleep (param i64) (result i32)))
        (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
        (import "wasi:io/poll@0.2.12" "[method]pollable.ready" (func $ready (param i32) (result i32)))
        (import "wasi:io/streams@0.2.12" "[method]input-stream.read" (func $read (param i32 i64 i32)))
        (import "wasi:io/streams@0.2.12" "[method]input-stream.skip" (func $skip (param i32 i64 i32)))
        (import "wasi:io/streams@0.2.12" "[method]input-stream.subscribe"
            (func $subscribe (param i32) (result i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.splice"
            (func $splice (param i32 i32 i64 i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write"
            (func $check-write (param i32 i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.write-zeroes"
            (func $write-zeroes (param i32 i64 i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
        (func $is (param $so i32) (if (i32.eqz (local.get $so)) (then unreachable)))
        ;; The result at 1024 is `ok`, with this number.
        (func $is-ok (param $number i64)
            (call $is (i32.eqz (i32.load8_u (i32.const 1024))))
            (call $is (i64.eq (i64.load (i32.const 1032)) (local.get $number))))
        (func (export "run") (result i32) (local $in i32) (local $out i32)
            (local.set $in (call $stdin)) (local.set $out (call $stdout))
            {body} i32.const 0))"#
    );
    Job::program(component_of(wat::parse_str(text).unwrap())).input("stdin", *b"0123456789")
}

#[test]
fn an_input_can_be_skipped_and_spliced_and_closes_at_its_end() {
    let done = job(r#"
        (call $skip (local.get $in) (i64.const 3) (i32.const 1024)) (call $is-ok (i64.const 3))
        (call $splice (local.get $out) (local.get $in) (i64.const 4) (i32.const 1024))
        (call $is-ok (i64.const 4))
        (call $splice (local.get $out) (local.get $in) (i64.const 100) (i32.const 1024))
        (call $is-ok (i64.const 3))
        ;; An error, and of the stream's errors that it is closed.
        (call $read (local.get $in) (i64.const 1) (i32.const 1024))
        (call $is (i32.load8_u (i32.const 1024)))
        (call $is (i32.eq (i32.load8_u (i32.const 1028)) (i32.const 1)))"#)
    .run();
    assert_eq!(done.is_ok().output("stdout"), b"3456789");
    assert_eq!((done.measured.bytes_in, done.measured.bytes_out), (10, 7));
}

#[test]
fn zeroes_can_be_written_up_to_what_the_stream_takes() {
    let zeroes = |count: u64| {
        job(&format!(
            "(call $check-write (local.get $out) (i32.const 1024)) (call $is-ok (i64.const 1048576))
            (call $write-zeroes (local.get $out) (i64.const {count}) (i32.const 1024))"
        ))
        .run()
    };
    assert_eq!(zeroes(3).is_ok().output("stdout"), [0; 3]);
    assert_eq!(zeroes(1 << 20).is_ok().output("stdout").len(), 1 << 20);
    zeroes((1 << 20) + 1).is_trapped("host_call_misused");
}

#[test]
fn a_poll_gives_what_is_ready_and_else_lets_time_pass() {
    // A stream is ready at once, so that no time passes for the second.
    job(r#"
        (i32.store (i32.const 64) (call $sleep (i64.const 1000000000)))
        (i32.store (i32.const 68) (call $subscribe (local.get $in)))
        (call $poll (i32.const 64) (i32.const 2) (i32.const 1024))
        (call $is (i32.eq (i32.load (i32.const 1028)) (i32.const 1)))
        (call $is (i32.eq (i32.load (i32.load (i32.const 1024))) (i32.const 1)))
        (call $is (i64.lt_u (call $now) (i64.const 1000000)))
        (call $is (i32.eqz (call $ready (i32.load (i32.const 64)))))
        (call $poll (i32.const 64) (i32.const 1) (i32.const 1024))
        (call $is (call $ready (i32.load (i32.const 64))))
        (call $is (i64.gt_u (call $now) (i64.const 1000000000)))"#)
    .run()
    .is_ok();
}

#[test]
fn a_sleep_beyond_all_time_ends_at_its_end() {
    let done = job(r#"
        (i32.store (i32.const 64) (call $sleep (i64.const -1)))
        (call $poll (i32.const 64) (i32.const 1) (i32.const 1024))
        (call $is (i64.eq (call $now) (i64.const -1)))"#)
    .run();
    done.is_ok();
}
