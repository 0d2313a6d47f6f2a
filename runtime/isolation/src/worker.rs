//! Owns the parent's side of one worker: its channel, its limits, its end. Knows not what it works on.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, pidfd_send_signal};

use crate::channel::{Channel, ChannelError, wait_until};
use crate::ending::Ending;
use crate::limits::WorkerLimits;
use crate::message::{Answer, Request};
use crate::report::Report;
use crate::serve::set_data_limit;
use crate::zygote::{Shared, ZygoteError};

/// A process that works on what it is sent. Dropping it kills it.
///
/// Its process id stays its own until [`Worker::exit`] has told how it ended, or it is dropped.
#[derive(Debug)]
pub struct Worker {
    started: Started,
    channel: Channel,
    report: Report,
}

/// Why a worker could not be asked or told.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It has not ended yet.
    #[error("the worker had not ended when the deadline passed")]
    DeadlinePassed,
    /// Its zygote is gone, and so is it; how it ended nobody knows.
    #[error(transparent)]
    Zygote(#[from] ZygoteError),
    /// The system refused.
    #[error("the system refused: {0}")]
    System(#[from] Errno),
}

/// A worker's process, of which something may not yet have been heard.
#[derive(Debug)]
pub(crate) struct Started {
    zygote: Arc<Shared>,
    worker: u64,
    pid: Pid,
    pidfd: OwnedFd,
    data_bytes_max: u64,
    ending: Option<Ending>,
}

impl Worker {
    pub(crate) const fn new(started: Started, channel: Channel, report: Report) -> Self {
        Self {
            started,
            channel,
            report,
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.started.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The way to talk to it. Nothing that comes from there is to be trusted.
    pub fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    /// What it found of its own layers before it was given any work.
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Ends it, wherever it is. What it has sent can still be received.
    pub fn kill(&self) {
        self.started.kill();
    }

    /// Waits until it has ended, and says how. Ends nothing by itself.
    pub fn exit(&mut self, deadline: Option<Instant>) -> Result<Ending, WorkerError> {
        if let Some(ending) = self.started.ending {
            return Ok(ending);
        }
        match wait_until(self.started.pidfd.as_fd(), PollFlags::IN, deadline) {
            Ok(()) => {}
            Err(ChannelError::System(errno)) => return Err(errno.into()),
            Err(_) => return Err(WorkerError::DeadlinePassed),
        }
        let request = Request::Reap {
            worker: self.started.worker,
        };
        match self.started.zygote.ask(&request, None)? {
            (Answer::Ended(ending), _) => {
                self.started.ending = Some(ending);
                Ok(ending)
            }
            (Answer::Refused { errno }, _) => Err(Errno::from_raw_os_error(errno).into()),
            _ => Err(ZygoteError::Gone.into()),
        }
    }

    /// Moves its limit of data, up to [`WorkerLimits::data_bytes_max`]. What it has stays: a lower limit
    /// refuses it more.
    pub fn set_data_bytes(&self, data_bytes: u64) -> Result<(), WorkerError> {
        let Started {
            pid,
            data_bytes_max,
            ending,
            ..
        } = self.started;
        // Its process id may be another's by now.
        if ending.is_some() {
            return Err(Errno::SRCH.into());
        }
        match set_data_limit(pid, data_bytes, data_bytes_max) {
            // Root without that capability: the zygote, being of the worker's user, may.
            Err(Errno::PERM) => {}
            result => return Ok(result?),
        }
        let request = Request::Limit {
            worker: self.started.worker,
            data_bytes,
        };
        match self.started.zygote.ask(&request, None)? {
            (Answer::Limited, _) => Ok(()),
            (Answer::Refused { errno }, _) => Err(Errno::from_raw_os_error(errno).into()),
            _ => Err(ZygoteError::Gone.into()),
        }
    }
}

impl Started {
    pub(crate) const fn new(
        zygote: Arc<Shared>,
        worker: u64,
        pid: Pid,
        pidfd: OwnedFd,
        limits: &WorkerLimits,
    ) -> Self {
        let data_bytes_max = limits.data_bytes_max;
        Self {
            zygote,
            worker,
            pid,
            pidfd,
            data_bytes_max,
            ending: None,
        }
    }

    fn kill(&self) {
        // An error means that it is dead already; or that the zygote, on release, may what we may not.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.ending.is_none() {
            self.kill();
            let request = Request::Release {
                worker: self.worker,
            };
            self.zygote.tell(&request, &[self.pidfd.as_fd()]);
        }
    }
}
