//! Owns which system calls each role may make, and what happens at the others. Knows no other layer.
//!
//! Three kinds: what the role needs is allowed, by its arguments where those decide; what libraries try
//! and can do without fails with an error; the rest no worker has a reason for, and ends the process, so
//! that whoever started it sees `SIGSYS`.

use std::collections::BTreeMap;

use rustix::io::Errno;
use rustix::process::Pid;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use crate::role::Role;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

/// Allowed with any arguments: memory, time, threads' own affairs, and descriptors that are already open.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendmsg,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// Fail as forbidden: libraries try them and go on without.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fstatfs,
    libc::SYS_ftruncate,
    libc::SYS_get_mempolicy,
    libc::SYS_getcpu,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getppid,
    libc::SYS_getrusage,
    libc::SYS_ioctl,
    libc::SYS_mbind,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pkey_alloc,
    libc::SYS_pkey_free,
    libc::SYS_readlinkat,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setaffinity,
    libc::SYS_setpriority,
    libc::SYS_statfs,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    // Asks for the tile registers of newer processors: without them other instructions do.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
];

/// Fail as forbidden for inference workers, whose libraries are not ours: some versions of ONNX Runtime keep a file
/// about what they do, and tell somebody, from a thread of their own and whenever it suits them.
const REFUSED_OF_LIBRARIES: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_epoll_create1,
    libc::SYS_eventfd2,
    libc::SYS_inotify_init1,
    libc::SYS_pipe2,
    libc::SYS_timerfd_create,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_create,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_eventfd,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_pipe,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_mkdirat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_umask,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

/// Fail as if the kernel were too old for them, which makes libraries take the older way.
const ABSENT: &[libc::c_long] = &[
    // Its arguments lie in memory, where a filter cannot look; `clone` has them in registers.
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_futex_waitv,
    // Files of its own would be memory that no limit counts.
    libc::SYS_memfd_create,
    libc::SYS_mseal,
];

/// The names that memory and threads bear, and no other property of the process.
const NAMING: [i32; 3] = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];

/// What may be asked of or done to a descriptor: nothing that sends signals, nothing that changes a file.
const DESCRIPTOR_COMMANDS: [i32; 5] = [
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GET_SEALS,
];

/// The kernel runs all filters at each call; the strictest answer holds.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    role: Role,
    own: Pid,
    programs: Vec<BpfProgram>,
}

impl Filters {
    /// The filters of a role, for a process that knows itself as `own`.
    pub(crate) fn new(role: Role, own: Pid) -> Result<Self, Errno> {
        let conditional = conditional(role, own).map_err(|_| Errno::INVAL)?;
        let mut allowed: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        allowed.extend(ALLOWED.iter().map(|call| (*call, Vec::new())));
        allowed.extend(conditional);
        let absent: BTreeMap<_, _> = ABSENT.iter().map(|call| (*call, Vec::new())).collect();
        let mut refused = refused_by_argument().map_err(|_| Errno::INVAL)?;
        refused.extend(REFUSED.iter().map(|call| (*call, Vec::new())));
        if role == Role::Inference {
            refused.extend(REFUSED_OF_LIBRARIES.iter().map(|call| (*call, Vec::new())));
        }
        let mut known = allowed;
        known.extend(absent.keys().map(|call| (*call, Vec::new())));
        known.extend(refused.keys().map(|call| (*call, Vec::new())));
        let programs = vec![
            // Of two that answer with an error the later one's error is seen; these two share no call.
            compile(absent, SeccompAction::Allow, errno(Errno::NOSYS))?,
            compile(refused, SeccompAction::Allow, errno(Errno::PERM))?,
            compile(known, SeccompAction::KillProcess, SeccompAction::Allow)?,
        ];
        Ok(Self {
            role,
            own,
            programs,
        })
    }

    /// These, or what they have to be for another process.
    pub(crate) fn made_for(self, own: Pid) -> Result<Self, Errno> {
        if self.own == own {
            Ok(self)
        } else {
            Self::new(self.role, own)
        }
    }

    /// From here on, for this thread and those it starts; there is no way back. `no_new_privs` is set.
    pub(crate) fn apply(&self) -> Result<(), Errno> {
        self.programs.iter().try_for_each(|program| {
            apply_filter(program).map_err(|error| match error {
                seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => {
                    Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
                }
                _ => Errno::INVAL,
            })
        })
    }
}

/// The calls that are allowed by their arguments: any one rule of a call has to fit.
fn conditional(
    role: Role,
    own: Pid,
) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let own = u64::from(own.as_raw_nonzero().get().unsigned_abs());
    let threads = bits(libc::CLONE_THREAD);
    let apart = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_PTRACE,
    ];
    let apart = apart.into_iter().fold(0, |mask, flag| mask | bits(flag));
    let naming = NAMING
        .iter()
        .map(|command| rule(&[equals(0, bits(*command))?]));
    Ok(BTreeMap::from([
        (libc::SYS_mmap, protections(role, libc::SYS_mmap)?),
        (libc::SYS_mprotect, protections(role, libc::SYS_mprotect)?),
        // A thread, never a process.
        (
            libc::SYS_clone,
            vec![rule(&[masked(0, threads | apart, threads)?])?],
        ),
        // To itself: it is how a program aborts.
        (libc::SYS_tgkill, vec![rule(&[equals(0, own)?])?]),
        (libc::SYS_prctl, naming.collect::<Result<_, _>>()?),
        // To read its own limits, not to set any.
        (
            libc::SYS_prlimit64,
            vec![rule(&[equals(0, 0)?, equals_wide(2, 0)?])?],
        ),
    ]))
}

/// The calls that libraries make in more ways than a worker needs: what fits a rule fails.
fn refused_by_argument() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let of_descriptor = bits(libc::AT_EMPTY_PATH);
    let other_commands: Vec<_> = DESCRIPTOR_COMMANDS
        .iter()
        .map(|command| differs(1, bits(*command)))
        .collect::<Result<_, _>>()?;
    Ok(BTreeMap::from([
        (libc::SYS_fcntl, vec![rule(&other_commands)?]),
        // C libraries write `fstat` as this with a flag, and an empty name. The name cannot be seen from
        // here: that there is nothing to name is for the mount namespace.
        (
            libc::SYS_newfstatat,
            vec![rule(&[masked(3, of_descriptor, 0)?])?],
        ),
        // So does Rust's library, once it knows that the kernel has it.
        (
            libc::SYS_statx,
            vec![rule(&[masked(2, of_descriptor, 0)?])?],
        ),
    ]))
}

/// Memory may be writable, or executable if the role is allowed that, never both; and executable from the
/// start only if it is mapped from a descriptor.
fn protections(role: Role, call: i64) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let (write, execute) = (bits(libc::PROT_WRITE), bits(libc::PROT_EXEC));
    let mut rules = vec![rule(&[masked(2, execute, 0)?])?];
    if role == Role::Runner {
        let mut executable = vec![masked(2, write | execute, execute)?];
        if call == libc::SYS_mmap {
            executable.push(masked(3, bits(libc::MAP_ANONYMOUS), 0)?);
        }
        rules.push(rule(&executable)?);
    }
    Ok(rules)
}

fn compile(
    calls: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, Errno> {
    SeccompFilter::new(calls, otherwise, matched, ARCHITECTURE)
        .and_then(BpfProgram::try_from)
        .map_err(|_| Errno::INVAL)
}

fn rule(conditions: &[SeccompCondition]) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.to_vec())
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn differs(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

fn equals_wide(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)
}

fn masked(
    argument: u8,
    mask: u64,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(mask),
        value,
    )
}

fn errno(errno: Errno) -> SeccompAction {
    SeccompAction::Errno(errno.raw_os_error().unsigned_abs())
}

/// The bits of a C constant, as a filter sees them.
fn bits(constant: i32) -> u64 {
    u64::from(constant.cast_unsigned())
}
