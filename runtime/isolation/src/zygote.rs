//! Owns the parent's side of a zygote: starting it, asking it, noticing that it is gone. Never forks by
//! itself, and knows not what workers do.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, set_parent_process_death_signal,
};

use crate::channel::{Channel, ChannelError, wait_until};
use crate::layer::{Layer, Layers};
use crate::limits::WorkerLimits;
use crate::message::{Answer, Request, Unreadable};
use crate::report::Report;
use crate::role::Role;
use crate::worker::{Started, Worker};

/// How long a zygote may take for one answer. It does no work that takes long; one that does not answer is
/// stuck, and what it has started cannot be trusted to be watched.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A process that forks workers: quick, because it is small and has everything loaded.
///
/// Dropping it kills it, and with it its workers. May be used from several threads.
#[derive(Debug)]
pub struct Zygote {
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
}

/// How a zygote is started.
#[derive(Debug, Clone, Copy)]
pub struct ZygoteSettings {
    /// What is put up around its workers. Anything but [`Layers::ALL`] is for tests only.
    pub layers: Layers,
    /// Whether it and its workers may write to this process's standard error, for diagnosis.
    pub inherit_stderr: bool,
}

/// Why there is no zygote, or no worker.
#[derive(Debug, thiserror::Error)]
pub enum ZygoteError {
    /// The worker program could not be started.
    #[error("the worker program did not start: {0}")]
    Start(#[source] std::io::Error),
    /// It is dead, or was killed because it did not answer as it should.
    #[error("the zygote is gone")]
    Gone,
    /// It could not fork.
    #[error("the zygote was refused a worker: {0}")]
    Refused(#[source] std::io::Error),
    /// The worker said nothing, or nothing sensible, before the deadline.
    #[error("the worker did not come to life: {0}")]
    Stillborn(#[source] ChannelError),
    /// The worker's first frame is no report.
    #[error("the worker did not report: {0}")]
    NoReport(#[from] Unreadable),
    /// A channel could not be made.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// What workers need of their zygote, for as long as one of them is there.
#[derive(Debug)]
pub(crate) struct Shared {
    control: Mutex<Channel>,
    pid: u32,
    pidfd: OwnedFd,
}

impl Default for ZygoteSettings {
    fn default() -> Self {
        Self {
            layers: Layers::ALL,
            inherit_stderr: false,
        }
    }
}

impl Zygote {
    /// Starts `command`, a program whose `main` calls [`crate::serve`], as a zygote.
    ///
    /// It is named by an absolute path. Its environment, its standard streams and its working directory are replaced; its arguments stay.
    pub fn start(command: Command, settings: &ZygoteSettings) -> Result<Self, ZygoteError> {
        let (ours, theirs) = Channel::pair()?;
        let command = prepare(command, theirs, settings);
        let (tell, told) = sync_channel(1);
        // The kernel's promise to kill it with its parent holds for the thread that started it, so that
        // thread is one that stays as long as the zygote does.
        let keeper = std::thread::Builder::new()
            .name("zygote-keeper".to_owned())
            .spawn(move || keep(command, &tell))
            .map_err(ZygoteError::Start)?;
        let (pid, pidfd) = told
            .recv()
            .map_err(|_| ZygoteError::Gone)?
            .map_err(ZygoteError::Start)?;
        let shared = Arc::new(Shared {
            control: Mutex::new(ours),
            pid,
            pidfd,
        });
        let zygote = Self {
            shared,
            keeper: Some(keeper),
        };
        match zygote.shared.ask(
            &Request::Begin {
                layers: settings.layers,
            },
            None,
        )? {
            (Answer::Begun, _) => Ok(zygote),
            _ => Err(ZygoteError::Gone),
        }
    }

    /// Forks a worker, and waits until it has put up its layers and reported them.
    ///
    /// Its channel takes no descriptors from it: see [`Channel::accept_descriptors`].
    pub fn fork(
        &self,
        role: Role,
        limits: &WorkerLimits,
        deadline: Option<Instant>,
    ) -> Result<Worker, ZygoteError> {
        let (mut ours, theirs) = Channel::pair()?;
        ours.accept_descriptors(0);
        let request = Request::Fork {
            role,
            limits: *limits,
        };
        let (answer, descriptors) = self.shared.ask(&request, Some(theirs.into_descriptor()))?;
        let (worker, pid) = match answer {
            Answer::Forked { worker, pid } => (worker, pid),
            Answer::Refused { errno } => {
                let error = std::io::Error::from_raw_os_error(errno);
                return Err(ZygoteError::Refused(error));
            }
            _ => return Err(self.shared.disown()),
        };
        let pid = Pid::from_raw(pid).ok_or(ZygoteError::Gone)?;
        let Ok([pidfd]) = <[OwnedFd; 1]>::try_from(descriptors) else {
            return Err(self.shared.disown());
        };
        // From here on dropping it kills it.
        let started = Started::new(Arc::clone(&self.shared), worker, pid, pidfd, limits);
        let frame = ours
            .receive(deadline)
            .and_then(|frame| frame.ok_or(ChannelError::PeerGone))
            .map_err(ZygoteError::Stillborn)?;
        Ok(Worker::new(started, ours, Report::decode(&frame.payload)?))
    }

    /// Whether it could still fork.
    pub fn is_alive(&self) -> bool {
        self.shared.is_alive()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.shared.pid
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        self.shared.kill();
        if let Some(keeper) = self.keeper.take() {
            // It only waits, for a process that is being killed.
            let _ = keeper.join();
        }
    }
}

impl Shared {
    /// One request and its answer. A zygote that does not answer as it should is killed.
    pub(crate) fn ask(
        &self,
        request: &Request,
        along: Option<OwnedFd>,
    ) -> Result<(Answer, Vec<OwnedFd>), ZygoteError> {
        let deadline = Some(Instant::now() + ANSWER_TIME);
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let descriptors: Vec<BorrowedFd<'_>> = along.iter().map(AsFd::as_fd).collect();
        let sent = control.send(&request.encode(), &descriptors, deadline);
        // Ours is closed first: so the worker's death is its channel's end, and there is room for what the
        // answer brings.
        drop(descriptors);
        drop(along);
        let answer = sent.and_then(|()| control.receive(deadline));
        let Ok(Some(frame)) = answer else {
            return Err(self.disown());
        };
        let answer = Answer::decode(&frame.payload).map_err(|_| self.disown())?;
        Ok((answer, frame.descriptors))
    }

    /// One request without an answer.
    pub(crate) fn tell(&self, request: &Request, descriptors: &[BorrowedFd<'_>]) {
        let deadline = Some(Instant::now() + ANSWER_TIME);
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if control
            .send(&request.encode(), descriptors, deadline)
            .is_err()
        {
            self.disown();
        }
    }

    /// A zygote that misbehaved is no more, and neither are its workers.
    fn disown(&self) -> ZygoteError {
        self.kill();
        ZygoteError::Gone
    }

    fn kill(&self) {
        // An error means that it is dead already.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    fn is_alive(&self) -> bool {
        wait_until(self.pidfd.as_fd(), PollFlags::IN, Some(Instant::now())).is_err()
    }
}

fn prepare(mut command: Command, theirs: Channel, settings: &ZygoteSettings) -> Command {
    let layers = settings.layers;
    command
        .current_dir("/")
        .stdin(Stdio::from(theirs.into_descriptor()))
        .stdout(Stdio::null())
        .stderr(if settings.inherit_stderr {
            Stdio::inherit()
        } else {
            Stdio::null()
        });
    if layers.contains(Layer::EmptyEnvironment) {
        command.env_clear();
    }
    let step = move || {
        if layers.contains(Layer::ClosedDescriptors) {
            // At the exec, not before: the standard library still reports through one of them. Kernels
            // without this call are made up for by the workers, who close what they inherit.
            let close_on_exec = libc::CLOSE_RANGE_CLOEXEC;
            // SAFETY: the call takes numbers, and closes nothing yet.
            unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, close_on_exec) };
        }
        if layers.contains(Layer::DiesWithParent) {
            set_parent_process_death_signal(Some(Signal::KILL))?;
        }
        Ok(())
    };
    // SAFETY: runs between fork and exec, and makes system calls only: no lock, no allocation.
    unsafe { command.pre_exec(step) };
    command
}

/// Starts the zygote, says so, and stays until it has ended.
fn keep(mut command: Command, tell: &SyncSender<std::io::Result<(u32, OwnedFd)>>) {
    let spawned = command.spawn();
    // With it goes our copy of the zygote's end of the channel.
    drop(command);
    let told = match spawned {
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
        Ok(mut child) => {
            let pidfd = i32::try_from(child.id())
                .ok()
                .and_then(Pid::from_raw)
                .ok_or(Errno::SRCH)
                .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
            match pidfd {
                Ok(pidfd) => {
                    let _ = tell.send(Ok((child.id(), pidfd)));
                    let _ = child.wait();
                    return;
                }
                Err(errno) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    errno
                }
            }
        }
    };
    let _ = tell.send(Err(told.into()));
}
