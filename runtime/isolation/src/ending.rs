//! Owns how a worker's process can end. Knows not whose fault it was.

use std::fmt;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It returned from its work, or said so.
    Exited {
        /// What it returned.
        code: i32,
    },
    /// A signal ended it. An abort shows as `SIGSEGV` where the worker is the first process of its PID
    /// namespace, which gets no `SIGABRT` from itself.
    Killed {
        /// As in `signal(7)`.
        signal: i32,
    },
}

impl Ending {
    /// Whether it divided whole numbers where there is no result, by zero for instance.
    pub const fn is_by_division(self) -> bool {
        matches!(
            self,
            Self::Killed {
                signal: libc::SIGFPE
            }
        )
    }

    /// Whether the system call filter ended it: it tried what no worker has a reason to try.
    pub const fn is_seccomp(self) -> bool {
        matches!(
            self,
            Self::Killed {
                signal: libc::SIGSYS
            }
        )
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(f, "exit code {code}"),
            Self::Killed { signal } => match signal_name(*signal) {
                Some(name) => f.write_str(name),
                None => write!(f, "signal {signal}"),
            },
        }
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGSYS => "SIGSYS (seccomp)",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGTERM => "SIGTERM",
        libc::SIGINT => "SIGINT",
        libc::SIGHUP => "SIGHUP",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        _ => return None,
    })
}
