//! What each host function costs, by name, before the bytes that it moves. Never calls one.
//!
//! One table, in the order of the specification. A function that is not in it cannot be linked.

use sha2::{Digest, Sha256};

pub use crate::host::PATH_STEP_UNITS;
pub use crate::nn::TENSOR_UNITS;

/// The version of the table below.
pub const HOST_CALL_TABLE_VERSION: u32 = 1;

/// Weighted units for an answer that is at hand.
const PLAIN: u64 = 500;
/// Weighted units for making, finding or ending a host resource, or for taking a list apart.
const RESOURCE: u64 = 1_500;
/// Weighted units for handing data over, before its bytes.
const TRANSFER: u64 = 1_000;
/// Weighted units for preparing something large, before what it comes to.
const HEAVY: u64 = 20_000;

/// A host interface, without its version, and the price of each of its functions.
pub struct Interface {
    /// `package:name/interface`, or the module's name for core modules.
    pub name: &'static str,
    /// The version that is offered, and with it all compatible ones.
    pub version: Option<&'static str>,
    /// Function names as the component model spells them, with weighted units.
    pub functions: &'static [(&'static str, u64)],
}

const WASI: Option<&str> = Some("0.2.12");
const NN: Option<&str> = Some("0.2.0-rc-2024-10-28");
const JOB: Option<&str> = Some("0.1.0");

/// Every host function that a guest can reach.
pub const INTERFACES: &[Interface] = &[
    Interface {
        name: "meterbox:job/inputs",
        version: JOB,
        functions: &[
            ("names", TRANSFER),
            ("open", RESOURCE),
            ("[method]input.size", PLAIN),
            ("[method]input.read", TRANSFER),
            ("[resource-drop]input", PLAIN),
        ],
    },
    Interface {
        name: "meterbox:job/outputs",
        version: JOB,
        functions: &[
            ("create", RESOURCE),
            ("[method]output.write", TRANSFER),
            ("[resource-drop]output", PLAIN),
        ],
    },
    Interface {
        name: "meterbox:job/log",
        version: JOB,
        functions: &[("log", TRANSFER)],
    },
    Interface {
        name: "meterbox:job/progress",
        version: JOB,
        functions: &[("report", TRANSFER)],
    },
    Interface {
        name: "wasi:nn/tensor",
        version: NN,
        functions: &[
            ("[constructor]tensor", RESOURCE),
            ("[method]tensor.dimensions", TRANSFER),
            ("[method]tensor.ty", PLAIN),
            ("[method]tensor.data", TRANSFER),
            ("[resource-drop]tensor", PLAIN),
        ],
    },
    Interface {
        name: "wasi:nn/graph",
        version: NN,
        functions: &[
            ("load", HEAVY),
            ("load-by-name", HEAVY),
            ("[method]graph.init-execution-context", RESOURCE),
            ("[resource-drop]graph", PLAIN),
        ],
    },
    Interface {
        name: "wasi:nn/inference",
        version: NN,
        functions: &[
            ("[method]graph-execution-context.compute", HEAVY),
            ("[resource-drop]graph-execution-context", PLAIN),
        ],
    },
    Interface {
        name: "wasi:nn/errors",
        version: NN,
        functions: &[
            ("[method]error.code", PLAIN),
            ("[method]error.data", TRANSFER),
            ("[resource-drop]error", PLAIN),
        ],
    },
    Interface {
        name: "wasi:cli/environment",
        version: WASI,
        functions: &[
            ("get-environment", TRANSFER),
            ("get-arguments", TRANSFER),
            ("initial-cwd", PLAIN),
        ],
    },
    Interface {
        name: "wasi:cli/exit",
        version: WASI,
        functions: &[("exit", PLAIN), ("exit-with-code", PLAIN)],
    },
    Interface {
        name: "wasi:cli/stdin",
        version: WASI,
        functions: &[("get-stdin", RESOURCE)],
    },
    Interface {
        name: "wasi:cli/stdout",
        version: WASI,
        functions: &[("get-stdout", RESOURCE)],
    },
    Interface {
        name: "wasi:cli/stderr",
        version: WASI,
        functions: &[("get-stderr", RESOURCE)],
    },
    Interface {
        name: "wasi:cli/terminal-input",
        version: WASI,
        functions: &[("[resource-drop]terminal-input", PLAIN)],
    },
    Interface {
        name: "wasi:cli/terminal-output",
        version: WASI,
        functions: &[("[resource-drop]terminal-output", PLAIN)],
    },
    Interface {
        name: "wasi:cli/terminal-stdin",
        version: WASI,
        functions: &[("get-terminal-stdin", PLAIN)],
    },
    Interface {
        name: "wasi:cli/terminal-stdout",
        version: WASI,
        functions: &[("get-terminal-stdout", PLAIN)],
    },
    Interface {
        name: "wasi:cli/terminal-stderr",
        version: WASI,
        functions: &[("get-terminal-stderr", PLAIN)],
    },
    Interface {
        name: "wasi:clocks/monotonic-clock",
        version: WASI,
        functions: &[
            ("now", PLAIN),
            ("resolution", PLAIN),
            ("subscribe-instant", RESOURCE),
            ("subscribe-duration", RESOURCE),
        ],
    },
    Interface {
        name: "wasi:clocks/wall-clock",
        version: WASI,
        functions: &[("now", PLAIN), ("resolution", PLAIN)],
    },
    Interface {
        name: "wasi:io/error",
        version: WASI,
        functions: &[
            ("[method]error.to-debug-string", TRANSFER),
            ("[resource-drop]error", PLAIN),
        ],
    },
    Interface {
        name: "wasi:io/poll",
        version: WASI,
        functions: &[
            ("[method]pollable.ready", PLAIN),
            ("[method]pollable.block", PLAIN),
            ("poll", RESOURCE),
            ("[resource-drop]pollable", PLAIN),
        ],
    },
    Interface {
        name: "wasi:io/streams",
        version: WASI,
        functions: &[
            ("[method]input-stream.read", TRANSFER),
            ("[method]input-stream.blocking-read", TRANSFER),
            ("[method]input-stream.skip", TRANSFER),
            ("[method]input-stream.blocking-skip", TRANSFER),
            ("[method]input-stream.subscribe", RESOURCE),
            ("[resource-drop]input-stream", PLAIN),
            ("[method]output-stream.check-write", PLAIN),
            ("[method]output-stream.write", TRANSFER),
            ("[method]output-stream.blocking-write-and-flush", TRANSFER),
            ("[method]output-stream.flush", PLAIN),
            ("[method]output-stream.blocking-flush", PLAIN),
            ("[method]output-stream.subscribe", RESOURCE),
            ("[method]output-stream.write-zeroes", TRANSFER),
            (
                "[method]output-stream.blocking-write-zeroes-and-flush",
                TRANSFER,
            ),
            ("[method]output-stream.splice", TRANSFER),
            ("[method]output-stream.blocking-splice", TRANSFER),
            ("[resource-drop]output-stream", PLAIN),
        ],
    },
    Interface {
        name: "wasi:random/random",
        version: WASI,
        functions: &[("get-random-bytes", TRANSFER), ("get-random-u64", PLAIN)],
    },
    Interface {
        name: "wasi:random/insecure",
        version: WASI,
        functions: &[
            ("get-insecure-random-bytes", TRANSFER),
            ("get-insecure-random-u64", PLAIN),
        ],
    },
    Interface {
        name: "wasi:random/insecure-seed",
        version: WASI,
        functions: &[("insecure-seed", PLAIN)],
    },
    Interface {
        name: "wasi:filesystem/preopens",
        version: WASI,
        functions: &[("get-directories", TRANSFER)],
    },
    Interface {
        name: "wasi:filesystem/types",
        version: WASI,
        functions: &[
            ("[method]descriptor.read-via-stream", RESOURCE),
            ("[method]descriptor.write-via-stream", RESOURCE),
            ("[method]descriptor.append-via-stream", RESOURCE),
            ("[method]descriptor.advise", PLAIN),
            ("[method]descriptor.sync-data", PLAIN),
            ("[method]descriptor.get-flags", PLAIN),
            ("[method]descriptor.get-type", PLAIN),
            ("[method]descriptor.set-size", PLAIN),
            ("[method]descriptor.set-times", PLAIN),
            ("[method]descriptor.read", TRANSFER),
            ("[method]descriptor.write", TRANSFER),
            ("[method]descriptor.read-directory", RESOURCE),
            ("[method]descriptor.sync", PLAIN),
            ("[method]descriptor.create-directory-at", RESOURCE),
            ("[method]descriptor.stat", PLAIN),
            ("[method]descriptor.stat-at", RESOURCE),
            ("[method]descriptor.set-times-at", RESOURCE),
            ("[method]descriptor.link-at", RESOURCE),
            ("[method]descriptor.open-at", RESOURCE),
            ("[method]descriptor.readlink-at", RESOURCE),
            ("[method]descriptor.remove-directory-at", RESOURCE),
            ("[method]descriptor.rename-at", RESOURCE),
            ("[method]descriptor.symlink-at", RESOURCE),
            ("[method]descriptor.unlink-file-at", RESOURCE),
            ("[method]descriptor.is-same-object", PLAIN),
            ("[method]descriptor.metadata-hash", PLAIN),
            ("[method]descriptor.metadata-hash-at", RESOURCE),
            ("[resource-drop]descriptor", PLAIN),
            (
                "[method]directory-entry-stream.read-directory-entry",
                TRANSFER,
            ),
            ("[resource-drop]directory-entry-stream", PLAIN),
            ("filesystem-error-code", PLAIN),
        ],
    },
    Interface {
        name: "wasi:sockets/network",
        version: WASI,
        functions: &[("[resource-drop]network", PLAIN)],
    },
    Interface {
        name: "wasi:sockets/instance-network",
        version: WASI,
        functions: &[("instance-network", RESOURCE)],
    },
    Interface {
        name: "wasi:sockets/ip-name-lookup",
        version: WASI,
        functions: &[
            ("resolve-addresses", RESOURCE),
            ("[method]resolve-address-stream.resolve-next-address", PLAIN),
            ("[method]resolve-address-stream.subscribe", RESOURCE),
            ("[resource-drop]resolve-address-stream", PLAIN),
        ],
    },
    Interface {
        name: "wasi:sockets/tcp",
        version: WASI,
        functions: &[
            ("[method]tcp-socket.start-bind", PLAIN),
            ("[method]tcp-socket.finish-bind", PLAIN),
            ("[method]tcp-socket.start-connect", PLAIN),
            ("[method]tcp-socket.finish-connect", PLAIN),
            ("[method]tcp-socket.start-listen", PLAIN),
            ("[method]tcp-socket.finish-listen", PLAIN),
            ("[method]tcp-socket.accept", PLAIN),
            ("[method]tcp-socket.local-address", PLAIN),
            ("[method]tcp-socket.remote-address", PLAIN),
            ("[method]tcp-socket.is-listening", PLAIN),
            ("[method]tcp-socket.address-family", PLAIN),
            ("[method]tcp-socket.set-listen-backlog-size", PLAIN),
            ("[method]tcp-socket.keep-alive-enabled", PLAIN),
            ("[method]tcp-socket.set-keep-alive-enabled", PLAIN),
            ("[method]tcp-socket.keep-alive-idle-time", PLAIN),
            ("[method]tcp-socket.set-keep-alive-idle-time", PLAIN),
            ("[method]tcp-socket.keep-alive-interval", PLAIN),
            ("[method]tcp-socket.set-keep-alive-interval", PLAIN),
            ("[method]tcp-socket.keep-alive-count", PLAIN),
            ("[method]tcp-socket.set-keep-alive-count", PLAIN),
            ("[method]tcp-socket.hop-limit", PLAIN),
            ("[method]tcp-socket.set-hop-limit", PLAIN),
            ("[method]tcp-socket.receive-buffer-size", PLAIN),
            ("[method]tcp-socket.set-receive-buffer-size", PLAIN),
            ("[method]tcp-socket.send-buffer-size", PLAIN),
            ("[method]tcp-socket.set-send-buffer-size", PLAIN),
            ("[method]tcp-socket.subscribe", PLAIN),
            ("[method]tcp-socket.shutdown", PLAIN),
            ("[resource-drop]tcp-socket", PLAIN),
        ],
    },
    Interface {
        name: "wasi:sockets/tcp-create-socket",
        version: WASI,
        functions: &[("create-tcp-socket", RESOURCE)],
    },
    Interface {
        name: "wasi:sockets/udp",
        version: WASI,
        functions: &[
            ("[method]udp-socket.start-bind", PLAIN),
            ("[method]udp-socket.finish-bind", PLAIN),
            ("[method]udp-socket.stream", PLAIN),
            ("[method]udp-socket.local-address", PLAIN),
            ("[method]udp-socket.remote-address", PLAIN),
            ("[method]udp-socket.address-family", PLAIN),
            ("[method]udp-socket.unicast-hop-limit", PLAIN),
            ("[method]udp-socket.set-unicast-hop-limit", PLAIN),
            ("[method]udp-socket.receive-buffer-size", PLAIN),
            ("[method]udp-socket.set-receive-buffer-size", PLAIN),
            ("[method]udp-socket.send-buffer-size", PLAIN),
            ("[method]udp-socket.set-send-buffer-size", PLAIN),
            ("[method]udp-socket.subscribe", PLAIN),
            ("[resource-drop]udp-socket", PLAIN),
            ("[method]incoming-datagram-stream.receive", PLAIN),
            ("[method]incoming-datagram-stream.subscribe", PLAIN),
            ("[resource-drop]incoming-datagram-stream", PLAIN),
            ("[method]outgoing-datagram-stream.check-send", PLAIN),
            ("[method]outgoing-datagram-stream.send", PLAIN),
            ("[method]outgoing-datagram-stream.subscribe", PLAIN),
            ("[resource-drop]outgoing-datagram-stream", PLAIN),
        ],
    },
    Interface {
        name: "wasi:sockets/udp-create-socket",
        version: WASI,
        functions: &[("create-udp-socket", RESOURCE)],
    },
    Interface {
        name: WASI_0_1,
        version: None,
        functions: &[
            ("args_get", TRANSFER),
            ("args_sizes_get", PLAIN),
            ("environ_get", TRANSFER),
            ("environ_sizes_get", PLAIN),
            ("clock_res_get", PLAIN),
            ("clock_time_get", PLAIN),
            ("fd_advise", PLAIN),
            ("fd_allocate", PLAIN),
            ("fd_close", PLAIN),
            ("fd_datasync", PLAIN),
            ("fd_fdstat_get", PLAIN),
            ("fd_fdstat_set_flags", PLAIN),
            ("fd_fdstat_set_rights", PLAIN),
            ("fd_filestat_get", PLAIN),
            ("fd_filestat_set_size", PLAIN),
            ("fd_filestat_set_times", PLAIN),
            ("fd_pread", TRANSFER),
            ("fd_prestat_get", PLAIN),
            ("fd_prestat_dir_name", PLAIN),
            ("fd_pwrite", TRANSFER),
            ("fd_read", TRANSFER),
            ("fd_readdir", TRANSFER),
            ("fd_renumber", PLAIN),
            ("fd_seek", PLAIN),
            ("fd_sync", PLAIN),
            ("fd_tell", PLAIN),
            ("fd_write", TRANSFER),
            ("path_create_directory", RESOURCE),
            ("path_filestat_get", RESOURCE),
            ("path_filestat_set_times", RESOURCE),
            ("path_link", RESOURCE),
            ("path_open", RESOURCE),
            ("path_readlink", RESOURCE),
            ("path_remove_directory", RESOURCE),
            ("path_rename", RESOURCE),
            ("path_symlink", RESOURCE),
            ("path_unlink_file", RESOURCE),
            ("poll_oneoff", RESOURCE),
            ("proc_exit", PLAIN),
            ("proc_raise", PLAIN),
            ("sched_yield", PLAIN),
            ("random_get", TRANSFER),
            ("sock_accept", PLAIN),
            ("sock_recv", PLAIN),
            ("sock_send", PLAIN),
            ("sock_shutdown", PLAIN),
        ],
    },
    Interface {
        name: WASI_NN,
        version: None,
        functions: &[
            ("load", HEAVY),
            ("load_by_name", HEAVY),
            ("init_execution_context", RESOURCE),
            ("set_input", RESOURCE),
            ("compute", HEAVY),
            ("get_output", TRANSFER),
        ],
    },
];

/// The module name of WASI 0.1.
pub const WASI_0_1: &str = "wasi_snapshot_preview1";

/// The module name by which core modules reach inference.
pub const WASI_NN: &str = "wasi_ephemeral_nn";

/// The modules that core modules may import from; all else is for components.
pub const MODULES: [&str; 2] = [WASI_0_1, WASI_NN];

/// The weighted units of one function of an interface, or `None` if no guest may reach it.
#[must_use]
pub fn weight(interface: &str, function: &str) -> Option<u64> {
    let interface = INTERFACES.iter().find(|one| one.name == interface)?;
    interface
        .functions
        .iter()
        .find(|(name, _)| *name == function)
        .map(|(_, weight)| *weight)
}

/// The table as text, one `interface function weight` a line: what the digest is taken over.
#[must_use]
pub fn host_call_table_text() -> String {
    let mut text = format!("meterbox host-call table {HOST_CALL_TABLE_VERSION}\n");
    for interface in INTERFACES {
        for (function, weight) in interface.functions {
            text.push_str(&format!("{} {function} {weight}\n", interface.name));
        }
    }
    text.push_str(&format!(
        "virtual_ns_per_call {}\n",
        crate::host::VIRTUAL_NS_PER_CALL
    ));
    text.push_str(&format!("path_step {PATH_STEP_UNITS}\n"));
    text.push_str(&format!("tensor {TENSOR_UNITS}\n"));
    text
}

/// The sha256 of [`host_call_table_text`].
#[must_use]
pub fn host_call_table_digest() -> [u8; 32] {
    Sha256::digest(host_call_table_text().as_bytes()).into()
}
