//! Owns the system call that makes a worker's process. Knows not what becomes of it.

use std::os::fd::{FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{get_clear_child_tid_address, gettid};

use crate::layer::{Layer, Layers};
use crate::report::Report;

/// On which side of the fork this is.
#[derive(Debug)]
pub(crate) enum Cloned {
    /// In the new process.
    Child,
    /// In the old one, with what it may call the new one by.
    Parent { pid: Pid, pidfd: OwnedFd },
}

/// Forks this process, into a user and a PID namespace of its own where the kernel allows it, and writes
/// into the report (in the child) what was allowed.
///
/// # Safety
///
/// The process has one thread.
pub(crate) unsafe fn clone_process(layers: Layers, report: &mut Report) -> Result<Cloned, Errno> {
    let mut wanted = Vec::new();
    // A zygote that has no user namespace cannot give one to a worker either.
    if layers.contains(Layer::UserNamespace) {
        wanted.push((Layer::UserNamespace, libc::CLONE_NEWUSER));
    }
    if layers.contains(Layer::PidNamespace) {
        wanted.push((Layer::PidNamespace, libc::CLONE_NEWPID));
    }
    let mut attempts = vec![wanted.clone()];
    attempts.extend(
        wanted
            .iter()
            .rev()
            .map(|one| vec![*one])
            .filter(|_| wanted.len() > 1),
    );
    attempts.push(Vec::new());
    attempts.dedup();

    let mut refusals = [Errno::OPNOTSUPP; Layer::ALL.len()];
    for attempt in attempts {
        let flags = attempt
            .iter()
            .fold(libc::SIGCHLD | libc::CLONE_PIDFD, |all, one| all | one.1);
        for (layer, _) in &wanted {
            let allowed = attempt.iter().any(|one| one.0 == *layer);
            let refusal = refusals[layer.index()];
            report.record(*layer, if allowed { Ok(()) } else { Err(refusal) });
        }
        // SAFETY: as the caller promises.
        match unsafe { clone_with(flags) } {
            // Of several at once it is not said which was refused; alone they are tried next.
            Err(errno) if attempt.is_empty() => return Err(errno),
            Err(errno) => attempt
                .iter()
                .for_each(|(layer, _)| refusals[layer.index()] = errno),
            cloned => return cloned,
        }
    }
    Err(Errno::OPNOTSUPP)
}

/// # Safety
///
/// The process has one thread: the copy has only the one that calls, and locks held by others would stay
/// held in it.
unsafe fn clone_with(mut flags: i32) -> Result<Cloned, Errno> {
    let mut pidfd: i32 = -1;
    let thread_id = thread_id_address();
    if !thread_id.is_null() {
        flags |= libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    }
    let stack: *mut u8 = std::ptr::null_mut();
    let storage: *mut u8 = std::ptr::null_mut();
    let flags = libc::c_ulong::from(flags.cast_unsigned());
    // SAFETY: without CLONE_VM the child goes on here on its copy of this stack, as after `fork`. `pidfd`
    // outlives the call, and `thread_id` is what the C library itself gives the kernel for this purpose.
    let result = unsafe {
        #[cfg(target_arch = "x86_64")]
        let result = libc::syscall(
            libc::SYS_clone,
            flags,
            stack,
            &raw mut pidfd,
            thread_id,
            storage,
        );
        #[cfg(target_arch = "aarch64")]
        let result = libc::syscall(
            libc::SYS_clone,
            flags,
            stack,
            &raw mut pidfd,
            storage,
            thread_id,
        );
        result
    };
    if result < 0 {
        return Err(last_errno());
    }
    match i32::try_from(result).ok().and_then(Pid::from_raw) {
        Some(pid) => {
            // SAFETY: the kernel has just opened it for us.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Cloned::Parent { pid, pidfd })
        }
        None => Ok(Cloned::Child),
    }
}

/// Where the C library keeps this thread's id, or null if that cannot be found out.
///
/// The C library's own `fork` has the kernel write the new id there. Without that the worker's main thread
/// would go on under the zygote's, which one of its later threads could come to bear too.
fn thread_id_address() -> *mut i32 {
    let Ok(Some(address)) = get_clear_child_tid_address() else {
        return std::ptr::null_mut();
    };
    let address = address.as_ptr().cast::<i32>();
    // SAFETY: the C library registered it as a place that the kernel may write a thread id to, so an
    // aligned integer of this process lies there, which no other thread is there to change.
    let known = unsafe { address.read_volatile() };
    // Other C libraries register something else there, to be woken at.
    if known == gettid().as_raw_nonzero().get() {
        address
    } else {
        std::ptr::null_mut()
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
