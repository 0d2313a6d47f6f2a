//! Owns what the tests have in common: zygotes of the attacker, and ways to talk to its workers.

use std::os::fd::BorrowedFd;
use std::process::Command;
use std::time::{Duration, Instant};

use meterbox_isolation::{Ending, Layers, Role, Worker, WorkerLimits, Zygote, ZygoteSettings};

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The worker did it.
    Done(String),
    /// It got an error instead, of this number.
    Refused(i32),
    /// It ended over it.
    Ended(Ending),
}

pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_meterbox-isolation-attacker"))
}

pub fn zygote(layers: Layers) -> Zygote {
    Zygote::start(
        program(),
        &ZygoteSettings {
            layers,
            inherit_stderr: false,
        },
    )
    .expect("the zygote starts")
}

pub fn limits() -> WorkerLimits {
    WorkerLimits {
        data_bytes: 64 << 20,
        data_bytes_max: 128 << 20,
        ..WorkerLimits::default()
    }
}

pub fn fork(zygote: &Zygote, role: Role) -> Worker {
    zygote
        .fork(role, &limits(), soon())
        .expect("the worker is forked")
}

pub fn runner(zygote: &Zygote) -> Worker {
    fork(zygote, Role::Runner)
}

/// Far enough for a slow machine; only a failing test waits for it.
pub fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(20))
}

pub fn shortly() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(100))
}

pub fn tell(worker: &mut Worker, command: &str, descriptors: &[BorrowedFd<'_>]) -> Outcome {
    if worker
        .channel()
        .send(command.as_bytes(), descriptors, soon())
        .is_ok()
    {
        match worker.channel().receive(soon()) {
            Ok(Some(frame)) => {
                let text = String::from_utf8(frame.payload).expect("the attacker sends text");
                return match text.split_once(' ') {
                    Some(("ok", detail)) => Outcome::Done(detail.to_owned()),
                    Some(("refused", errno)) => Outcome::Refused(errno.parse().unwrap()),
                    _ => panic!("{text}"),
                };
            }
            Ok(None) => {}
            Err(error) => panic!("{command}: {error}"),
        }
    }
    Outcome::Ended(worker.exit(soon()).expect("it ends"))
}

pub fn says(worker: &mut Worker, word: &str) {
    let outcome = tell(worker, &format!("echo {word}"), &[]);
    assert_eq!(outcome, Outcome::Done(word.to_owned()));
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits for something outside of any worker's channel.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}
