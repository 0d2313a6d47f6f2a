//! Owns the worker binary's side: the zygote's loop, and the birth of a worker. Never decides when.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getpid,
    kill_process, pidfd_open, prlimit, set_dumpable_behavior, set_parent_process_death_signal,
    setsid, waitid,
};

use crate::channel::{Channel, ChannelError, Frame};
use crate::clone::{Cloned, clone_process};
use crate::confinement::{CHANNEL_DESCRIPTOR, Confinement, place};
use crate::ending::Ending;
use crate::layer::{Layer, Layers};
use crate::limits::WorkerLimits;
use crate::message::{Answer, Request, Unreadable};
use crate::namespaces;
use crate::report::Report;
use crate::role::Role;
use crate::seccomp::Filters;

/// Exit code of a worker whose work panicked: what Rust's own runtime gives.
pub const EXIT_PANICKED: u8 = 101;
/// Exit code of a worker that could not begin: its parent or its channel was gone.
pub const EXIT_UNBORN: u8 = 102;

/// The most workers of one zygote that have not been told to be over: each holds a process.
const WORKERS_MAX: usize = 4096;

/// What a worker does, by its role. Each returns the process's exit code.
#[derive(Clone, Copy)]
pub struct Roles<'a> {
    /// See [`Role::Runner`].
    pub runner: &'a dyn Fn(Channel) -> u8,
    /// See [`Role::Compiler`].
    pub compiler: &'a dyn Fn(Channel) -> u8,
    /// See [`Role::Inference`].
    pub inference: &'a dyn Fn(Channel) -> u8,
}

/// Why a process cannot be a zygote.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its standard input is no channel.
    #[error("this program is started by another one, not by hand")]
    NotStartedByParent,
    /// A fork would leave the other threads' locks held for ever.
    #[error("a zygote has one thread, this process has {threads}")]
    SeveralThreads {
        /// How many there are.
        threads: usize,
    },
    /// `/proc` or `/dev/null` cannot be read.
    #[error("the system lacks what a zygote needs: {0}")]
    Setup(#[from] std::io::Error),
    /// The channel failed.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The parent speaks another language.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The system refused a step that a zygote cannot do without.
    #[error("the system refused: {0}")]
    System(#[from] Errno),
}

/// Serves as the zygote of the process that started this one, until that process is gone.
///
/// To be called from `main`, before anything starts a thread: what the process has prepared by then, every
/// worker has too. In a forked worker this does not return: the process ends with its role's code.
pub fn serve(roles: &Roles<'_>) -> Result<(), ServeError> {
    let mut control = take_control()?;
    // A key that interrupts the parent is the parent's to answer. Refused if it leads a group already.
    let _ = setsid();
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(ServeError::SeveralThreads { threads });
    }
    let Some(frame) = control.receive(None)? else {
        return Ok(());
    };
    let Request::Begin { layers } = Request::decode(&frame.payload)? else {
        return Err(Unreadable.into());
    };
    let mut shared = Report::new();
    namespaces::enter(layers, &mut shared);
    if layers.contains(Layer::DiesWithParent) {
        // The change of user took it back. A parent that died before has closed the channel.
        set_parent_process_death_signal(Some(Signal::KILL))?;
    }
    if layers.contains(Layer::Undumpable) {
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    control.send(&Answer::Begun.encode(), &[], None)?;
    // Where there are PID namespaces every worker is the first in its own.
    let first = Pid::INIT;
    let zygote = Zygote {
        layers,
        shared,
        itself: pidfd_open(getpid(), PidfdFlags::empty())?,
        runner: Filters::new(Role::Runner, first)?,
        compiler: Filters::new(Role::Compiler, first)?,
        inference: Filters::new(Role::Inference, first)?,
        workers: BTreeMap::new(),
        released: Vec::new(),
        next: 0,
    };
    zygote.run(control, roles)
}

/// The channel arrives as standard input: of all numbers the one that starting a process can fill without
/// touching another.
fn take_control() -> Result<Channel, ServeError> {
    let stdin = std::io::stdin();
    let is_socket = rustix::net::sockopt::socket_type(&stdin).is_ok();
    if !is_socket {
        return Err(ServeError::NotStartedByParent);
    }
    let control = rustix::io::fcntl_dupfd_cloexec(&stdin, CHANNEL_DESCRIPTOR)?;
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    // Standard input is replaced, never closed: its number must not go to something else.
    place(OwnedFd::from(null), 0)
        .map_err(|(_, errno)| errno)
        .map(std::mem::forget)?;
    Ok(Channel::from(control))
}

/// The forking process and what it keeps count of.
struct Zygote {
    layers: Layers,
    /// What it did to itself, which every worker inherits.
    shared: Report,
    itself: OwnedFd,
    runner: Filters,
    compiler: Filters,
    inference: Filters,
    /// Not yet reaped, so that each process id is still the worker's.
    workers: BTreeMap<u64, (Pid, WorkerLimits)>,
    /// Killed, and to be reaped when they are dead, which their pidfd tells.
    released: Vec<(Pid, OwnedFd)>,
    next: u64,
}

impl Zygote {
    fn run(mut self, mut control: Channel, roles: &Roles<'_>) -> Result<(), ServeError> {
        loop {
            if !control.has_read_ahead() {
                self.wait(&control)?;
            }
            match control.receive(Some(Instant::now())) {
                Ok(Some(frame)) => {
                    if let Some(worker) = self.answer(&mut control, frame)? {
                        // The child: what the zygote owns is not the worker's, and is only let go of.
                        worker.live(self, control, roles);
                    }
                }
                Ok(None) => return Ok(()),
                Err(ChannelError::DeadlinePassed) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Until there is something to read. Meanwhile reaps what was released.
    fn wait(&mut self, control: &Channel) -> Result<(), Errno> {
        let mut watched = vec![PollFd::from_borrowed_fd(control.as_fd(), PollFlags::IN)];
        let pidfds = self.released.iter().map(|(_, pidfd)| pidfd.as_fd());
        watched.extend(pidfds.map(|pidfd| PollFd::from_borrowed_fd(pidfd, PollFlags::IN)));
        match poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        drop(watched);
        self.released
            .retain(|(pid, _)| !matches!(reap(*pid), Ok(Some(_))));
        Ok(())
    }

    /// Does what is asked. In a forked child: what it is to become.
    fn answer(&mut self, control: &mut Channel, frame: Frame) -> Result<Option<Birth>, ServeError> {
        let request = Request::decode(&frame.payload)?;
        let descriptor = frame.descriptors.into_iter().next();
        let mut along = None;
        let answer = match (request, descriptor) {
            (Request::Fork { role, limits }, Some(channel)) => {
                match self.fork(role, limits, channel) {
                    Ok(Forked::Child(birth)) => return Ok(Some(*birth)),
                    Ok(Forked::Parent { worker, pid, pidfd }) => {
                        along = Some(pidfd);
                        Answer::Forked {
                            worker,
                            pid: pid.as_raw_nonzero().get(),
                        }
                    }
                    Err(errno) => refused(errno),
                }
            }
            (Request::Reap { worker }, None) => match self.reap(worker) {
                Ok(ending) => Answer::Ended(ending),
                Err(errno) => refused(errno),
            },
            (Request::Release { worker }, Some(pidfd)) => {
                self.release(worker, pidfd);
                return Ok(None);
            }
            (Request::Limit { worker, data_bytes }, None) => match self.limit(worker, data_bytes) {
                Ok(()) => Answer::Limited,
                Err(errno) => refused(errno),
            },
            _ => return Err(Unreadable.into()),
        };
        let along: Vec<BorrowedFd<'_>> = along.iter().map(AsFd::as_fd).collect();
        match control.send(&answer.encode(), &along, None) {
            // The next receive says so in an orderly way.
            Ok(()) | Err(ChannelError::PeerGone) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn fork(
        &mut self,
        role: Role,
        limits: WorkerLimits,
        channel: OwnedFd,
    ) -> Result<Forked, Errno> {
        if self.workers.len() + self.released.len() >= WORKERS_MAX {
            return Err(Errno::AGAIN);
        }
        let mut report = self.shared;
        // SAFETY: `serve` made sure of the one thread, and nothing here starts another.
        match unsafe { clone_process(self.layers, &mut report)? } {
            Cloned::Child => Ok(Forked::Child(Box::new(Birth {
                role,
                limits,
                channel,
                report,
            }))),
            Cloned::Parent { pid, pidfd } => {
                let worker = self.next;
                self.next += 1;
                self.workers.insert(worker, (pid, limits));
                Ok(Forked::Parent { worker, pid, pidfd })
            }
        }
    }

    fn reap(&mut self, worker: u64) -> Result<Ending, Errno> {
        let (pid, _) = *self.workers.get(&worker).ok_or(Errno::SRCH)?;
        let ending = reap(pid)?.ok_or(Errno::AGAIN)?;
        self.workers.remove(&worker);
        Ok(ending)
    }

    fn release(&mut self, worker: u64, pidfd: OwnedFd) {
        let Some((pid, _)) = self.workers.remove(&worker) else {
            return;
        };
        // Not reaped before, so the id is still its own. An error means that it is dead already.
        let _ = kill_process(pid, Signal::KILL);
        if !matches!(reap(pid), Ok(Some(_))) {
            self.released.push((pid, pidfd));
        }
    }

    fn limit(&self, worker: u64, data_bytes: u64) -> Result<(), Errno> {
        let (pid, limits) = *self.workers.get(&worker).ok_or(Errno::SRCH)?;
        set_data_limit(pid, data_bytes, limits.data_bytes_max)
    }
}

enum Forked {
    Child(Box<Birth>),
    Parent {
        worker: u64,
        pid: Pid,
        pidfd: OwnedFd,
    },
}

/// What a process that was just forked is to become.
struct Birth {
    role: Role,
    limits: WorkerLimits,
    channel: OwnedFd,
    report: Report,
}

impl Birth {
    /// Goes from copy of the zygote to worker, works, and ends.
    fn live(self, zygote: Zygote, control: Channel, roles: &Roles<'_>) -> ! {
        let code = self.work(zygote, control, roles);
        // SAFETY: ends this process at once, which is the point: what is registered to happen at an exit
        // is the zygote's.
        unsafe { libc::_exit(code.into()) }
    }

    fn work(self, zygote: Zygote, control: Channel, roles: &Roles<'_>) -> u8 {
        let Self {
            role,
            limits,
            channel,
            mut report,
        } = self;
        let filters = match role {
            Role::Runner => zygote.runner,
            Role::Compiler => zygote.compiler,
            Role::Inference => zygote.inference,
        };
        let name = match role {
            Role::Runner => c"runner",
            Role::Compiler => c"compiler",
            Role::Inference => c"inference",
        };
        // For listings of processes only.
        let _ = rustix::thread::set_name(name);
        let parent = zygote.itself.as_fd();
        let confinement = Confinement {
            layers: zygote.layers,
            limits: &limits,
            filters,
            parent,
        };
        let Some(channel) = confinement.put_up(channel, &mut report) else {
            return EXIT_UNBORN;
        };
        // All numbers but the channel's were closed behind their owners' backs.
        std::mem::forget((control, zygote.itself, zygote.released));

        let channel = Channel::from(channel);
        if channel.send(&report.encode(), &[], None).is_err() {
            return EXIT_UNBORN;
        }
        let work = match role {
            Role::Runner => roles.runner,
            Role::Compiler => roles.compiler,
            Role::Inference => roles.inference,
        };
        catch_unwind(AssertUnwindSafe(|| work(channel))).unwrap_or(EXIT_PANICKED)
    }
}

/// How a child ended, if it has; it is forgotten by that.
fn reap(pid: Pid) -> Result<Option<Ending>, Errno> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    Ok(
        waitid(WaitId::Pid(pid), options)?.map(|status| match status.exit_status() {
            Some(code) => Ending::Exited { code },
            None => Ending::Killed {
                signal: status.terminating_signal().unwrap_or(0),
            },
        }),
    )
}

/// Moves the soft limit of another process's data, up to its hard one, which stays.
pub(crate) fn set_data_limit(pid: Pid, data_bytes: u64, data_bytes_max: u64) -> Result<(), Errno> {
    let current = Some(data_bytes.min(data_bytes_max));
    let maximum = Some(data_bytes_max);
    prlimit(Some(pid), Resource::Data, Rlimit { current, maximum }).map(drop)
}

fn refused(errno: Errno) -> Answer {
    Answer::Refused {
        errno: errno.raw_os_error(),
    }
}
