//! Processes that can do nothing but work on what they are handed.
//!
//! A parent starts a [`Zygote`], which forks a [`Worker`] in about a millisecond. Each worker puts up its
//! [`Layer`]s, [reports](Report) which of them hold, and then does the work of its [`Role`], over its
//! [`Channel`]. [`verify()`] looks from outside whether the report is true.
//!
//! The layers assume that a worker's code is its enemy's: each stands by itself, and most attacks meet
//! several. They do not hide time or memory traffic; workers of one zygote share their address layout.
//! What a worker is handed it has: a writable descriptor can be mapped executable, so programs are handed
//! over read-only.

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!("the layers are Linux's, on x86_64 and aarch64");

mod channel;
mod clone;
mod confinement;
mod ending;
mod layer;
mod limits;
mod message;
mod namespaces;
mod report;
mod role;
mod seccomp;
mod serve;
mod verify;
mod worker;
mod zygote;

pub use channel::{
    Channel, ChannelError, FRAME_BYTES_MAX, FRAME_DESCRIPTORS_MAX, FRAME_VERSION, Frame,
};
pub use ending::Ending;
pub use layer::{Layer, Layers};
pub use limits::WorkerLimits;
pub use message::Unreadable;
pub use report::{Report, Standing};
pub use role::Role;
pub use serve::{EXIT_PANICKED, EXIT_UNBORN, Roles, ServeError, serve};
pub use verify::{Finding, Verification, verify};
pub use worker::{Worker, WorkerError};
pub use zygote::{Zygote, ZygoteError, ZygoteSettings};
