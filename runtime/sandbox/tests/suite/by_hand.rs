//! What no standard library does, or only one: functions of WASI 0.2 that are called by hand.
//! `cargo xtask conformance` holds the list of them against what the libraries call.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use wasmparser::ValType;

use crate::job::Job;
use crate::linker::{component_of, imports_of_the_world};

/// What these tests import of WASI: the interface, the function, and its type as text.
const IMPORTS: [(&str, &str, &str); 33] = [
    ("cli/environment", "initial-cwd", "(param i32)"),
    ("cli/stdin", "get-stdin", "(result i32)"),
    ("cli/stdout", "get-stdout", "(result i32)"),
    ("cli/terminal-stdin", "get-terminal-stdin", "(param i32)"),
    ("cli/terminal-stdout", "get-terminal-stdout", "(param i32)"),
    ("cli/terminal-stderr", "get-terminal-stderr", "(param i32)"),
    ("clocks/monotonic-clock", "now", "(result i64)"),
    (
        "clocks/monotonic-clock",
        "subscribe-instant",
        "(param i64) (result i32)",
    ),
    (
        "io/error",
        "[method]error.to-debug-string",
        "(param i32 i32)",
    ),
    ("io/error", "[resource-drop]error", "(param i32)"),
    (
        "io/poll",
        "[method]pollable.ready",
        "(param i32) (result i32)",
    ),
    (
        "io/streams",
        "[method]input-stream.blocking-skip",
        "(param i32 i64 i32)",
    ),
    (
        "io/streams",
        "[method]output-stream.blocking-splice",
        "(param i32 i32 i64 i32)",
    ),
    (
        "io/streams",
        "[method]output-stream.blocking-write-zeroes-and-flush",
        "(param i32 i64 i32)",
    ),
    (
        "io/streams",
        "[method]output-stream.blocking-write-and-flush",
        "(param i32 i32 i32 i32)",
    ),
    (
        "io/streams",
        "[method]output-stream.flush",
        "(param i32 i32)",
    ),
    (
        "io/streams",
        "[method]output-stream.write",
        "(param i32 i32 i32 i32)",
    ),
    (
        "io/streams",
        "[method]output-stream.subscribe",
        "(param i32) (result i32)",
    ),
    ("random/random", "get-random-u64", "(result i64)"),
    (
        "random/insecure",
        "get-insecure-random-bytes",
        "(param i64 i32)",
    ),
    ("random/insecure", "get-insecure-random-u64", "(result i64)"),
    ("random/insecure-seed", "insecure-seed", "(param i32)"),
    ("filesystem/preopens", "get-directories", "(param i32)"),
    (
        "filesystem/types",
        "[method]descriptor.open-at",
        "(param i32 i32 i32 i32 i32 i32 i32)",
    ),
    (
        "filesystem/types",
        "[method]descriptor.get-type",
        "(param i32 i32)",
    ),
    (
        "filesystem/types",
        "[method]descriptor.get-flags",
        "(param i32 i32)",
    ),
    (
        "filesystem/types",
        "[method]descriptor.write-via-stream",
        "(param i32 i64 i32)",
    ),
    (
        "filesystem/types",
        "[method]descriptor.is-same-object",
        "(param i32 i32) (result i32)",
    ),
    (
        "filesystem/types",
        "filesystem-error-code",
        "(param i32 i32)",
    ),
    (
        "sockets/instance-network",
        "instance-network",
        "(result i32)",
    ),
    ("sockets/network", "[resource-drop]network", "(param i32)"),
    (
        "sockets/ip-name-lookup",
        "resolve-addresses",
        "(param i32 i32 i32 i32)",
    ),
    (
        "sockets/tcp-create-socket",
        "create-tcp-socket",
        "(param i32 i32)",
    ),
];

/// A job of this body. What it imports is called `$` and the function's name, without its brackets.
/// Results go to 1024 and, what is larger, from 4096 on.
fn job(body: &str) -> Job {
    let mut imports = String::new();
    for (interface, function, ty) in IMPORTS {
        let name = function.rsplit(']').next().unwrap();
        let prefix = if function.starts_with("[resource-drop]") {
            "drop-"
        } else {
            ""
        };
        let name = format!("${prefix}{name} ");
        // What is not called is not imported: the tests say plainly what each of them needs.
        if body.contains(&name) {
            imports +=
                &format!("(import \"wasi:{interface}@0.2.12\" \"{function}\" (func {name}{ty}))\n");
        }
    }
    let text = format!(
        r#"(module {imports}
        (memory (export "memory") 1)
        (global $free (mut i32) (i32.const 4096))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            global.get $free
            (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8)))))
        (func $is (param $so i32) (if (i32.eqz (local.get $so)) (then unreachable)))
        (func $byte-is (param $at i32) (param $value i32)
            (call $is (i32.eq (i32.load8_u (local.get $at)) (local.get $value))))
        ;; The result at 1024 is `ok`, with this number.
        (func $is-ok (param $number i64)
            (call $byte-is (i32.const 1024) (i32.const 0))
            (call $is (i64.eq (i64.load (i32.const 1032)) (local.get $number))))
        (data (i32.const 16) "file")
        (func (export "run") (result i32) (local $in i32) (local $out i32) (local $file i32)
            {body} i32.const 0))"#
    );
    Job::program(component_of(wat::parse_str(text).unwrap())).input("stdin", *b"0123456789")
}

#[test]
fn calls_that_may_block_never_do() {
    let done = job(r#"
        (local.set $in (call $get-stdin )) (local.set $out (call $get-stdout ))
        (call $input-stream.blocking-skip (local.get $in) (i64.const 3) (i32.const 1024))
        (call $is-ok (i64.const 3))
        (call $output-stream.blocking-splice (local.get $out) (local.get $in) (i64.const 4) (i32.const 1024))
        (call $is-ok (i64.const 4))
        (call $output-stream.blocking-write-zeroes-and-flush (local.get $out) (i64.const 2) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 0))
        (call $output-stream.flush (local.get $out) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 0))
        (call $output-stream.blocking-write-and-flush (local.get $out) (i32.const 16) (i32.const 4) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 0))
        (call $is (call $pollable.ready (call $output-stream.subscribe (local.get $out))))
        (call $is (i32.eqz (call $pollable.ready (call $subscribe-instant (i64.const 1000000000)))))
        (call $is (call $pollable.ready (call $subscribe-instant (i64.const 0))))
        (call $is (i64.lt_u (call $now ) (i64.const 1000000)))
        (call $input-stream.blocking-skip (local.get $in) (i64.const 100) (i32.const 1024))
        (call $is-ok (i64.const 3))
        ;; At its end: an error, and of the stream's errors that it is closed.
        (call $input-stream.blocking-skip (local.get $in) (i64.const 1) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 1)) (call $byte-is (i32.const 1032) (i32.const 1))"#)
    .run();
    assert_eq!(done.is_ok().output("stdout"), b"3456\0\0file");
}

/// Opens a new file in `/tmp`, as `$file`.
const OPEN: &str = r#"
    (call $get-directories (i32.const 1024))
    (call $is (i32.eq (i32.load (i32.const 1028)) (i32.const 3)))
    ;; Each of the folders is a handle and a name, 12 bytes; `/tmp` is the last.
    (local.set $in (i32.load (i32.add (i32.load (i32.const 1024)) (i32.const 24))))
    ;; Follows no link, creates, to read and to write.
    (call $descriptor.open-at (local.get $in) (i32.const 0) (i32.const 16) (i32.const 4)
        (i32.const 1) (i32.const 3) (i32.const 1024))
    (call $byte-is (i32.const 1024) (i32.const 0))
    (local.set $file (i32.load (i32.const 1028)))"#;

#[test]
fn a_stream_that_fails_says_why_in_our_own_words() {
    let write = |then: &str| {
        job(&format!(
            r#"{OPEN}
            (call $descriptor.write-via-stream (local.get $file) (i64.const 0) (i32.const 1024))
            (call $byte-is (i32.const 1024) (i32.const 0))
            (local.set $out (i32.load (i32.const 1028)))
            (call $output-stream.write (local.get $out) (i32.const 16) (i32.const 4) (i32.const 1024))
            {then}"#
        ))
        .limit(|limits| limits.file_bytes = 3)
    };
    let failed = r#"
        (call $byte-is (i32.const 1024) (i32.const 1))
        ;; `last-operation-failed`, with the error.
        (call $byte-is (i32.const 1028) (i32.const 0))
        (local.set $in (i32.load (i32.const 1032)))"#;
    // A code, which is `quota`: the seventh of the list.
    let code = r#"
        (call $filesystem-error-code (local.get $in) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 1)) (call $byte-is (i32.const 1025) (i32.const 6))"#;
    let text = r#"
        (call $error.to-debug-string (local.get $in) (i32.const 1024))
        (local.set $out (call $get-stdout ))
        (call $output-stream.write (local.get $out) (i32.load (i32.const 1024)) (i32.load (i32.const 1028)) (i32.const 1040))
        (call $drop-error (local.get $in))"#;
    let done = write(&format!("{failed} {code} {text}")).run();
    assert_eq!(done.is_ok().output_text("stdout"), "Quota");
    // Handles end once.
    write(&format!(
        "{failed} (call $drop-error (local.get $in)) (call $drop-error (local.get $in))"
    ))
    .run()
    .is_trapped("canonical_abi");
    // With one byte more, there is no error.
    write("(call $byte-is (i32.const 1024) (i32.const 0))")
        .limit(|limits| limits.file_bytes = 4)
        .run()
        .is_ok();
}

#[test]
fn descriptors_say_what_they_are_of() {
    job(&format!(
        r#"{OPEN}
        (call $is (call $descriptor.is-same-object (local.get $file) (local.get $file)))
        (call $is (i32.eqz (call $descriptor.is-same-object (local.get $file) (local.get $in))))
        ;; Opened again, it is another handle of the same.
        (call $descriptor.open-at (local.get $in) (i32.const 0) (i32.const 16) (i32.const 4)
            (i32.const 0) (i32.const 1) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 0))
        (local.set $out (i32.load (i32.const 1028)))
        (call $is (i32.ne (local.get $out) (local.get $file)))
        (call $is (call $descriptor.is-same-object (local.get $file) (local.get $out)))
        ;; Of the list of kinds, a folder is the fourth, and a file the seventh.
        (call $descriptor.get-type (local.get $in) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 0)) (call $byte-is (i32.const 1025) (i32.const 3))
        (call $descriptor.get-type (local.get $file) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 0)) (call $byte-is (i32.const 1025) (i32.const 6))
        ;; Opened to read and to write.
        (call $descriptor.get-flags (local.get $file) (i32.const 1024))
        (call $byte-is (i32.const 1024) (i32.const 0)) (call $byte-is (i32.const 1025) (i32.const 3))"#
    ))
    .run()
    .is_ok();
}

#[test]
fn there_is_no_current_folder_and_no_terminal() {
    let none = [
        "initial-cwd",
        "get-terminal-stdin",
        "get-terminal-stdout",
        "get-terminal-stderr",
    ]
    .map(|name| {
        format!(
            "(i32.store8 (i32.const 1024) (i32.const 77)) (call ${name} (i32.const 1024))
            (call $byte-is (i32.const 1024) (i32.const 0))"
        )
    });
    job(&none.concat()).run().is_ok();
}

#[test]
fn each_kind_of_randomness_is_a_stream_of_its_own_from_the_seed() {
    let drawn = job(r#"
        (i64.store (i32.const 2048) (call $get-random-u64 ))
        (i64.store (i32.const 2056) (call $get-insecure-random-u64 ))
        (call $insecure-seed (i32.const 2064))
        (call $get-insecure-random-bytes (i64.const 8) (i32.const 1024))
        (i64.store (i32.const 2080) (i64.load (i32.load (i32.const 1024))))
        (i64.store (i32.const 2088) (call $get-random-u64 ))
        (local.set $out (call $get-stdout ))
        (call $output-stream.write (local.get $out) (i32.const 2048) (i32.const 48) (i32.const 1024))"#);
    for seed in [1, 2] {
        let key: [u8; 32] = Sha256::new()
            .chain_update(b"meterbox random 0")
            .chain_update(u64::to_le_bytes(seed))
            .finalize()
            .into();
        let [mut secure, mut insecure, mut seeds] = [0, 1, 2].map(|stream| {
            let mut dice = ChaCha20Rng::from_seed(key);
            dice.set_stream(stream);
            dice
        });
        let expected = [
            secure.next_u64(),
            insecure.next_u64(),
            seeds.next_u64(),
            seeds.next_u64(),
            insecure.next_u64(),
            secure.next_u64(),
        ];
        let done = drawn.clone().seed(seed).run();
        let expected = expected.map(u64::to_le_bytes).concat();
        assert_eq!(done.is_ok().output("stdout"), expected, "seed {seed}");
    }
}

#[test]
fn a_network_leads_nowhere_and_names_are_not_found() {
    job(r#"
        (local.set $in (call $instance-network ))
        (call $resolve-addresses (local.get $in) (i32.const 16) (i32.const 4) (i32.const 1024))
        ;; `name-unresolvable` is the nineteenth of the errors.
        (call $byte-is (i32.const 1024) (i32.const 1)) (call $byte-is (i32.const 1028) (i32.const 18))
        (call $create-tcp-socket (i32.const 0) (i32.const 1024))
        ;; `not-supported` is the third.
        (call $byte-is (i32.const 1024) (i32.const 1)) (call $byte-is (i32.const 1028) (i32.const 2))
        (call $drop-network (local.get $in))"#)
    .run()
    .is_ok();
    job(
        "(local.set $in (call $instance-network )) (call $drop-network (local.get $in))
        (call $drop-network (local.get $in))",
    )
    .run()
    .is_trapped("canonical_abi");
}

#[test]
fn what_takes_a_handle_that_is_never_given_cannot_be_reached() {
    let never_given = |interface: &str, function: &str| {
        let of_socket = interface.starts_with("wasi:sockets/") && function.starts_with('[');
        let is_terminal = function.starts_with("[resource-drop]terminal-");
        (of_socket && function != "[resource-drop]network") || is_terminal
    };
    let mut tried = 0;
    for (interface, function, ty) in imports_of_the_world() {
        if !never_given(&interface, &function) {
            continue;
        }
        let of = |types: &[ValType]| {
            let types = types.iter().map(ToString::to_string);
            types.collect::<Vec<_>>().join(" ")
        };
        // The handle comes first: one that nobody gave. All else is zero.
        let arguments: String = (ty.params().iter().enumerate())
            .map(|(at, ty)| format!("({ty}.const {})", if at == 0 { 1 } else { 0 }))
            .collect();
        let drops = "drop ".repeat(ty.results().len());
        let text = format!(
            r#"(module (import "{interface}" "{function}" (func $f (param {}) (result {})))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export "run") (result i32) (call $f {arguments}) {drops} i32.const 0))"#,
            of(ty.params()),
            of(ty.results()),
        );
        let done = Job::program(component_of(wat::parse_str(&text).unwrap())).run();
        done.is_trapped("canonical_abi");
        assert_eq!(done.measured.host_calls, 0, "{interface}#{function}");
        tried += 1;
    }
    assert_eq!(tried, 29 + 3 + 21 + 2, "TCP, lookups, UDP and terminals");
}
