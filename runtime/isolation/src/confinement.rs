//! Owns the layers that a worker puts up around itself, and their order. Knows not what it works on.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Instant;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetError, RulesetStatus, Scope,
};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getpid, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit, setsid,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs,
};

use crate::channel::wait_until;
use crate::layer::{Layer, Layers};
use crate::limits::WorkerLimits;
use crate::report::{Report, Standing};
use crate::seccomp::Filters;

/// Where a worker finds its channel, after its standard streams.
pub(crate) const CHANNEL_DESCRIPTOR: RawFd = 3;

/// The newest rights that the `landlock` crate can name; a kernel that knows fewer takes those.
const LANDLOCK_NEWEST: ABI = ABI::V9;

/// What the steps work with.
pub(crate) struct Confinement<'a> {
    pub(crate) layers: Layers,
    pub(crate) limits: &'a WorkerLimits,
    pub(crate) filters: Filters,
    /// The parent's pidfd, from before the fork: whether it still lives.
    pub(crate) parent: BorrowedFd<'a>,
}

impl Confinement<'_> {
    /// Puts up every layer, the one that forbids the steps of the others last. Gives the channel back at
    /// [`CHANNEL_DESCRIPTOR`].
    ///
    /// None: the parent has died meanwhile, and so should this process.
    pub(crate) fn put_up(self, channel: OwnedFd, report: &mut Report) -> Option<OwnedFd> {
        let layers = self.layers;
        // A group and session of its own: no terminal's signals. It fails for who has that already.
        let _ = setsid();
        report.put_up(layers, Layer::DiesWithParent, || {
            set_parent_process_death_signal(Some(Signal::KILL))
        });
        if wait_until(self.parent, PollFlags::IN, Some(Instant::now())).is_ok() {
            return None;
        }
        report.put_up(layers, Layer::Undumpable, || {
            set_dumpable_behavior(DumpableBehavior::NotDumpable)
        });
        report.put_up(layers, Layer::EmptyEnvironment, || {
            if std::env::vars_os().next().is_none() {
                Ok(())
            } else {
                Err(Errno::EXIST)
            }
        });
        report.put_up(layers, Layer::ResourceLimits, || {
            limit_resources(self.limits)
        });
        // Counted by user and user namespace: without one of its own it would count everybody's, and root
        // is not held to it at all.
        let counted = [Layer::UserNamespace, Layer::OrdinaryUser]
            .into_iter()
            .all(|layer| report.standing(layer) == Standing::Active);
        report.put_up(layers, Layer::ThreadLimit, || {
            if counted {
                limit(Resource::Nproc, self.limits.threads_max.into())
            } else {
                Err(Errno::OPNOTSUPP)
            }
        });
        let channel = if layers.contains(Layer::ClosedDescriptors) {
            let (channel, closed) = close_others(channel);
            report.record(Layer::ClosedDescriptors, closed);
            channel
        } else {
            channel
        };
        // While it may still: without the capability to do so this is refused.
        report.put_up(layers, Layer::CapabilityBound, empty_bounding_set);
        report.put_up(layers, Layer::Capabilities, drop_capabilities);
        let needed = [Layer::NoNewPrivileges, Layer::Landlock, Layer::Seccomp];
        if needed.into_iter().any(|layer| layers.contains(layer)) {
            report.record(Layer::NoNewPrivileges, set_no_new_privs(true));
        }
        if layers.contains(Layer::Landlock) {
            let abi = landlock_abi();
            let result = abi.and_then(|_| restrict_paths());
            report.record(Layer::Landlock, result);
            report.set_landlock_abi(abi.unwrap_or(0));
        }
        let filters = self.filters;
        report.put_up(layers, Layer::Seccomp, || {
            filters.made_for(getpid())?.apply()
        });
        Some(channel)
    }
}

fn limit_resources(limits: &WorkerLimits) -> Result<(), Errno> {
    limit(Resource::Core, 0)?;
    limit(Resource::Memlock, 0)?;
    limit(Resource::Msgqueue, 0)?;
    limit(Resource::Fsize, limits.file_bytes_max)?;
    limit(Resource::Nofile, limits.descriptors_max.into())?;
    let maximum = allowed(Resource::Data, limits.data_bytes_max);
    let current = limits.data_bytes.min(maximum);
    let (current, maximum) = (Some(current), Some(maximum));
    setrlimit(Resource::Data, Rlimit { current, maximum })
}

/// At most what this process may have already: no limit is ever raised.
fn allowed(resource: Resource, value: u64) -> u64 {
    rustix::process::getrlimit(resource)
        .maximum
        .map_or(value, |maximum| maximum.min(value))
}

fn limit(resource: Resource, value: u64) -> Result<(), Errno> {
    let value = allowed(resource, value);
    setrlimit(
        resource,
        Rlimit {
            current: Some(value),
            maximum: Some(value),
        },
    )
}

/// Moves the channel to its place and closes all that is above. The standard streams are `/dev/null`.
fn close_others(channel: OwnedFd) -> (OwnedFd, Result<(), Errno>) {
    let channel = match place(channel, CHANNEL_DESCRIPTOR) {
        Ok(channel) => channel,
        Err((channel, errno)) => return (channel, Err(errno)),
    };
    (channel, close_from(CHANNEL_DESCRIPTOR + 1))
}

/// Gives a descriptor the number `at`, whatever was there.
pub(crate) fn place(descriptor: OwnedFd, at: RawFd) -> Result<OwnedFd, (OwnedFd, Errno)> {
    if descriptor.as_raw_fd() == at {
        return Ok(descriptor);
    }
    // SAFETY: the call takes numbers. Whoever owned `at` before the fork never uses it in this process:
    // what runs from here on is the worker's part, which was handed its channel alone.
    let placed = unsafe { libc::dup3(descriptor.as_raw_fd(), at, libc::O_CLOEXEC) };
    if placed < 0 {
        return Err((descriptor, last_errno()));
    }
    // SAFETY: `dup3` has just opened it, and nobody else has the number.
    Ok(unsafe { OwnedFd::from_raw_fd(placed) })
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: RawFd) -> Result<(), Errno> {
    // SAFETY: the call takes numbers; see `place` on owners that no longer run.
    let result =
        unsafe { libc::syscall(libc::SYS_close_range, first.unsigned_abs(), u32::MAX, 0_u32) };
    if result == 0 {
        return Ok(());
    }
    // Older kernels: one by one, up to the highest number that can have been given out.
    let highest = rustix::process::getrlimit(Resource::Nofile)
        .maximum
        .unwrap_or(1 << 20);
    for descriptor in first..RawFd::try_from(highest.min(1 << 20)).unwrap_or(RawFd::MAX) {
        // SAFETY: as above; a number that is not open is an error without an effect.
        unsafe { libc::close(descriptor) };
    }
    Ok(())
}

fn empty_bounding_set() -> Result<(), Errno> {
    // The kernel has fewer than 64, and says at which number they end.
    for capability in 0..64 {
        // SAFETY: `prctl` with numbers only.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            match last_errno() {
                Errno::INVAL if capability > 0 => break,
                errno => return Err(errno),
            }
        }
    }
    Ok(())
}

fn drop_capabilities() -> Result<(), Errno> {
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
}

/// The version of Landlock that the kernel has.
fn landlock_abi() -> Result<u16, Errno> {
    const VERSION: u32 = 1;
    let nothing: *const u8 = std::ptr::null();
    // SAFETY: with this flag the kernel reads no memory, and answers with a number.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) };
    if version < 0 {
        return Err(last_errno());
    }
    Ok(u16::try_from(version).unwrap_or(u16::MAX))
}

/// Every kind of access that the kernel can refuse is refused, with no exception.
fn restrict_paths() -> Result<(), Errno> {
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK_NEWEST))?
            .handle_access(AccessNet::from_all(LANDLOCK_NEWEST))?
            .scope(Scope::from_all(LANDLOCK_NEWEST))?
            .create()?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::NotEnforced) => Err(Errno::NOSYS),
        Ok(_) => Ok(()),
        Err(_) => Err(Errno::PERM),
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
