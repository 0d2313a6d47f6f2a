//! Functions of WASI that the libraries of fewer than two languages call, why that is, and which test calls
//! them by hand. [`coverage`](super::coverage) holds the list against what is called, and against the tests.

/// Some functions of one interface that are alone for one reason.
pub struct Alone {
    /// Without its version.
    pub interface: &'static str,
    /// As docs/wasi.md has them.
    pub functions: &'static [&'static str],
    /// Why fewer than two libraries call them.
    pub why: Why,
    /// A file of the sandbox's suite, and the test in it that calls them.
    pub test: (&'static str, &'static str),
}

/// Why fewer than two libraries call a function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// None of them has a use for it, or another function does the same.
    NoLibrary,
    /// Only this one has.
    Only(&'static str),
    /// They would for what the sandbox does not have, such as a network: no handle is ever given that it takes.
    NeverGiven,
}

impl Why {
    /// The one language whose library calls it.
    pub fn user(self) -> Option<&'static str> {
        match self {
            Why::Only(language) => Some(language),
            Why::NoLibrary | Why::NeverGiven => None,
        }
    }
}

impl Alone {
    /// The functions as `interface#function`.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let functions = self.functions.iter();
        functions.map(|function| format!("{}#{function}", self.interface))
    }
}

const HAND: &str = "by_hand.rs";
const UNREACHABLE: (&str, &str) = (
    HAND,
    "what_takes_a_handle_that_is_never_given_cannot_be_reached",
);
const ANSWERED: (&str, &str) = ("files.rs", "what_the_libraries_do_not_do_is_answered_too");

const fn alone(
    interface: &'static str,
    functions: &'static [&'static str],
    why: Why,
    test: (&'static str, &'static str),
) -> Alone {
    Alone {
        interface,
        functions,
        why,
        test,
    }
}

/// All of them.
pub const ALONE: &[Alone] = &[
    alone(
        "wasi_snapshot_preview1",
        &["clock_res_get"],
        Why::Only("C"),
        (
            "commands.rs",
            "bad_calls_of_wasi_0_1_get_codes_and_never_trap",
        ),
    ),
    alone(
        "wasi_snapshot_preview1",
        &[
            "fd_advise",
            "fd_allocate",
            "fd_datasync",
            "fd_filestat_set_times",
            "fd_tell",
        ],
        Why::Only("C"),
        ANSWERED,
    ),
    alone(
        "wasi_snapshot_preview1",
        &["proc_raise"],
        Why::NoLibrary,
        (
            "commands.rs",
            "bad_calls_of_wasi_0_1_get_codes_and_never_trap",
        ),
    ),
    alone(
        "wasi_snapshot_preview1",
        &["sock_accept", "sock_recv", "sock_send", "sock_shutdown"],
        Why::NeverGiven,
        ANSWERED,
    ),
    alone(
        "wasi_snapshot_preview1",
        &["fd_fdstat_set_rights", "fd_renumber"],
        Why::NoLibrary,
        ANSWERED,
    ),
    alone(
        "wasi:cli/environment",
        &["initial-cwd"],
        Why::NoLibrary,
        (HAND, "there_is_no_current_folder_and_no_terminal"),
    ),
    alone(
        "wasi:cli/exit",
        &["exit-with-code"],
        Why::NoLibrary,
        ("commands.rs", "a_component_can_exit_with_a_code_of_its_own"),
    ),
    alone(
        "wasi:cli/terminal-input",
        &["[resource-drop]terminal-input"],
        Why::NeverGiven,
        UNREACHABLE,
    ),
    alone(
        "wasi:cli/terminal-output",
        &["[resource-drop]terminal-output"],
        Why::NeverGiven,
        UNREACHABLE,
    ),
    alone(
        "wasi:io/error",
        &["[method]error.to-debug-string", "[resource-drop]error"],
        Why::NoLibrary,
        (HAND, "a_stream_that_fails_says_why_in_our_own_words"),
    ),
    alone(
        "wasi:filesystem/types",
        &["filesystem-error-code"],
        Why::NoLibrary,
        (HAND, "a_stream_that_fails_says_why_in_our_own_words"),
    ),
    alone(
        "wasi:io/poll",
        &["[method]pollable.ready"],
        Why::NoLibrary,
        (
            "streams.rs",
            "a_poll_gives_what_is_ready_and_else_lets_time_pass",
        ),
    ),
    alone(
        "wasi:io/streams",
        &["[method]input-stream.skip", "[method]output-stream.splice"],
        Why::NoLibrary,
        (
            "streams.rs",
            "an_input_can_be_skipped_and_spliced_and_closes_at_its_end",
        ),
    ),
    alone(
        "wasi:io/streams",
        &["[method]output-stream.write-zeroes"],
        Why::NoLibrary,
        (
            "streams.rs",
            "zeroes_can_be_written_up_to_what_the_stream_takes",
        ),
    ),
    alone(
        "wasi:io/streams",
        &[
            "[method]input-stream.blocking-skip",
            "[method]output-stream.blocking-splice",
            "[method]output-stream.blocking-write-zeroes-and-flush",
            "[method]output-stream.flush",
        ],
        Why::NoLibrary,
        (HAND, "calls_that_may_block_never_do"),
    ),
    alone(
        "wasi:random/random",
        &["get-random-u64"],
        Why::NoLibrary,
        (
            HAND,
            "each_kind_of_randomness_is_a_stream_of_its_own_from_the_seed",
        ),
    ),
    alone(
        "wasi:random/insecure",
        &["get-insecure-random-bytes", "get-insecure-random-u64"],
        Why::NoLibrary,
        (
            HAND,
            "each_kind_of_randomness_is_a_stream_of_its_own_from_the_seed",
        ),
    ),
    alone(
        "wasi:random/insecure-seed",
        &["insecure-seed"],
        Why::Only("Rust"),
        (
            HAND,
            "each_kind_of_randomness_is_a_stream_of_its_own_from_the_seed",
        ),
    ),
    alone(
        "wasi:filesystem/types",
        &[
            "[method]descriptor.get-flags",
            "[method]descriptor.get-type",
        ],
        Why::Only("C"),
        (HAND, "descriptors_say_what_they_are_of"),
    ),
    alone(
        "wasi:io/streams",
        &["[method]output-stream.blocking-write-and-flush"],
        Why::Only("C"),
        (HAND, "calls_that_may_block_never_do"),
    ),
    alone(
        "wasi:io/streams",
        &["[method]input-stream.subscribe"],
        Why::Only("C"),
        (
            "streams.rs",
            "a_poll_gives_what_is_ready_and_else_lets_time_pass",
        ),
    ),
    alone(
        "wasi:sockets/tcp-create-socket",
        &["create-tcp-socket"],
        Why::Only("Rust"),
        (HAND, "a_network_leads_nowhere_and_names_are_not_found"),
    ),
    alone(
        "wasi:filesystem/types",
        &["[method]descriptor.is-same-object"],
        Why::NoLibrary,
        (HAND, "descriptors_say_what_they_are_of"),
    ),
    alone(
        "wasi:sockets/network",
        &["[resource-drop]network"],
        Why::NoLibrary,
        (HAND, "a_network_leads_nowhere_and_names_are_not_found"),
    ),
    alone(
        "wasi:sockets/ip-name-lookup",
        &[
            "[method]resolve-address-stream.resolve-next-address",
            "[method]resolve-address-stream.subscribe",
            "[resource-drop]resolve-address-stream",
        ],
        Why::NeverGiven,
        UNREACHABLE,
    ),
    alone(
        "wasi:sockets/tcp",
        &[
            "[method]tcp-socket.start-bind",
            "[method]tcp-socket.finish-bind",
            "[method]tcp-socket.start-connect",
            "[method]tcp-socket.finish-connect",
            "[method]tcp-socket.start-listen",
            "[method]tcp-socket.finish-listen",
            "[method]tcp-socket.accept",
            "[method]tcp-socket.local-address",
            "[method]tcp-socket.remote-address",
            "[method]tcp-socket.is-listening",
            "[method]tcp-socket.address-family",
            "[method]tcp-socket.set-listen-backlog-size",
            "[method]tcp-socket.keep-alive-enabled",
            "[method]tcp-socket.set-keep-alive-enabled",
            "[method]tcp-socket.keep-alive-idle-time",
            "[method]tcp-socket.set-keep-alive-idle-time",
            "[method]tcp-socket.keep-alive-interval",
            "[method]tcp-socket.set-keep-alive-interval",
            "[method]tcp-socket.keep-alive-count",
            "[method]tcp-socket.set-keep-alive-count",
            "[method]tcp-socket.hop-limit",
            "[method]tcp-socket.set-hop-limit",
            "[method]tcp-socket.receive-buffer-size",
            "[method]tcp-socket.set-receive-buffer-size",
            "[method]tcp-socket.send-buffer-size",
            "[method]tcp-socket.set-send-buffer-size",
            "[method]tcp-socket.subscribe",
            "[method]tcp-socket.shutdown",
            "[resource-drop]tcp-socket",
        ],
        Why::NeverGiven,
        UNREACHABLE,
    ),
    alone(
        "wasi:sockets/udp",
        &[
            "[method]udp-socket.start-bind",
            "[method]udp-socket.finish-bind",
            "[method]udp-socket.stream",
            "[method]udp-socket.local-address",
            "[method]udp-socket.remote-address",
            "[method]udp-socket.address-family",
            "[method]udp-socket.unicast-hop-limit",
            "[method]udp-socket.set-unicast-hop-limit",
            "[method]udp-socket.receive-buffer-size",
            "[method]udp-socket.set-receive-buffer-size",
            "[method]udp-socket.send-buffer-size",
            "[method]udp-socket.set-send-buffer-size",
            "[method]udp-socket.subscribe",
            "[resource-drop]udp-socket",
            "[method]incoming-datagram-stream.receive",
            "[method]incoming-datagram-stream.subscribe",
            "[resource-drop]incoming-datagram-stream",
            "[method]outgoing-datagram-stream.check-send",
            "[method]outgoing-datagram-stream.send",
            "[method]outgoing-datagram-stream.subscribe",
            "[resource-drop]outgoing-datagram-stream",
        ],
        Why::NeverGiven,
        UNREACHABLE,
    ),
];
