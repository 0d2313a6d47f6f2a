//! Owns the single attacks: each one attempt, by system calls, with what came of it.

use std::ffi::CString;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::time::Duration;

type Outcome = Result<String, i32>;

pub fn attack(words: &[&str]) -> Outcome {
    match *words {
        ["echo", word] => Ok(word.to_owned()),
        ["open", path] => open(path, libc::O_RDONLY),
        ["read", path] => read(path),
        ["append", path] => append(path),
        ["stat", path] => std::fs::metadata(path)
            .map(|_| String::new())
            .map_err(number),
        ["tcp", port] => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, parse(port)));
            TcpStream::connect(address)
                .map(|_| String::new())
                .map_err(number)
        }
        ["udp", port] => UdpSocket::bind("127.0.0.1:0")
            .and_then(|socket| socket.send_to(b"x", (Ipv4Addr::LOCALHOST, parse(port))))
            .map(|count| count.to_string())
            .map_err(number),
        ["abstract", name] => UnixAddress::from_abstract_name(name)
            .and_then(|address| UnixStream::connect_addr(&address))
            .map(|_| String::new())
            .map_err(number),
        ["unix", path] => UnixStream::connect(path)
            .map(|_| String::new())
            .map_err(number),
        ["environment"] => match std::env::vars_os().count() {
            0 => Err(0),
            count => Ok(count.to_string()),
        },
        ["descriptors"] => descriptors(),
        ["memory", bytes] => memory(parse(bytes)),
        ["memfd", bytes] => memfd(parse(bytes)),
        ["threads", count] => threads(parse(count)),
        ["forks", count] => forks(parse(count)),
        ["survive"] => loop {
            std::thread::sleep(Duration::from_millis(5));
        },
        ["map", protection] => map(parse(protection)).map(|_| String::new()),
        ["protect", protection] => protect(parse(protection)),
        ["exec"] => exec(),
        // SAFETY: numbers only.
        ["shared-memory", key] => check(unsafe { libc::shmget(parse(key), 0, 0) }.into()),
        [name, pid] => on_process(name, parse(pid)),
        [name] => system_call(name),
        _ => Err(libc::ENOSYS),
    }
}

fn parse<T: std::str::FromStr>(word: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    word.parse().expect("the test wrote it")
}

fn number(error: std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(-1)
}

fn check(result: libc::c_long) -> Outcome {
    if result < 0 {
        Err(number(std::io::Error::last_os_error()))
    } else {
        Ok(result.to_string())
    }
}

fn name(path: &str) -> CString {
    CString::new(path).expect("the test wrote it")
}

fn open(path: &str, flags: i32) -> Outcome {
    // SAFETY: the path ends with a zero and outlives the call.
    check(unsafe { libc::open(name(path).as_ptr(), flags) }.into())
}

fn read(path: &str) -> Outcome {
    match std::fs::read(path).map_err(number)?.len() {
        0 => Err(0),
        length => Ok(length.to_string()),
    }
}

fn append(path: &str) -> Outcome {
    let descriptor: i32 = parse(&open(path, libc::O_WRONLY | libc::O_APPEND)?);
    // SAFETY: one byte, of a constant.
    check(unsafe { libc::write(descriptor, b"x".as_ptr().cast(), 1) } as libc::c_long)
}

/// How many descriptors are open beyond standard streams and channel.
fn descriptors() -> Outcome {
    let mut open = 0;
    for descriptor in 4..1024 {
        // SAFETY: a question about a number.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } >= 0 {
            open += 1;
        }
    }
    if open == 0 {
        Err(0)
    } else {
        Ok(open.to_string())
    }
}

/// Anonymous memory in steps of a mebibyte, each of which is written to.
fn memory(bytes: usize) -> Outcome {
    const STEP: usize = 1 << 20;
    let mut have = 0;
    while have < bytes {
        // SAFETY: a new mapping, and a write into it.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let at = libc::mmap(std::ptr::null_mut(), STEP, protection, flags, -1, 0);
            if at == libc::MAP_FAILED {
                return Err(number(std::io::Error::last_os_error()));
            }
            at.cast::<u8>().write_volatile(1);
        }
        have += STEP;
    }
    Ok(have.to_string())
}

fn memfd(bytes: usize) -> Outcome {
    // SAFETY: the name is a constant.
    let descriptor = unsafe { libc::memfd_create(c"bomb".as_ptr(), 0) };
    check(descriptor.into())?;
    let block = [1_u8; 4096];
    for _ in 0..bytes.div_ceil(block.len()) {
        // SAFETY: from a block of that length.
        check(unsafe { libc::write(descriptor, block.as_ptr().cast(), block.len()) } as i64)?;
    }
    Ok(bytes.to_string())
}

fn threads(count: usize) -> Outcome {
    let mut joins = Vec::new();
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    let mut result = Ok(count.to_string());
    for _ in 0..count {
        let held = std::sync::Arc::clone(&held);
        let wait = move || drop(held.lock().map(|held| held.recv()));
        match std::thread::Builder::new().stack_size(64 << 10).spawn(wait) {
            Ok(join) => joins.push(join),
            Err(error) => {
                result = Err(number(error));
                break;
            }
        }
    }
    drop(hold);
    joins.into_iter().for_each(|join| drop(join.join()));
    result
}

/// Processes that end at once, and are never waited for.
fn forks(count: usize) -> Outcome {
    for _ in 0..count {
        // SAFETY: the child only ends.
        match unsafe { libc::fork() } {
            // SAFETY: as above.
            0 => unsafe { libc::_exit(0) },
            result => check(result.into())?,
        };
    }
    Ok(count.to_string())
}

fn map(protection: i32) -> Result<*mut libc::c_void, i32> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping that nobody refers to.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        Err(number(std::io::Error::last_os_error()))
    } else {
        Ok(at)
    }
}

fn protect(protection: i32) -> Outcome {
    let at = map(libc::PROT_READ | libc::PROT_WRITE)?;
    // SAFETY: of a mapping that nobody refers to.
    check(unsafe { libc::mprotect(at, 4096, protection) }.into())
}

fn exec() -> Outcome {
    let (shell, dash_c, script) = (c"/bin/sh", c"-c", c"exit 77");
    let arguments = [
        shell.as_ptr(),
        dash_c.as_ptr(),
        script.as_ptr(),
        std::ptr::null(),
    ];
    let environment = [std::ptr::null()];
    // SAFETY: both lists end with a null, and outlive the call.
    check(unsafe { libc::execve(shell.as_ptr(), arguments.as_ptr(), environment.as_ptr()) }.into())
}

fn on_process(attack: &str, pid: i32) -> Outcome {
    // A signal that nobody minds.
    let signal = libc::SIGURG;
    // SAFETY: numbers, and for the memory of others a buffer of the stated length.
    unsafe {
        match attack {
            "ptrace" => check(libc::ptrace(libc::PTRACE_SEIZE, pid, 0_usize, 0_usize)),
            "kill" => check(libc::kill(pid, signal).into()),
            "tgkill" => check(libc::syscall(libc::SYS_tgkill, pid, pid, signal)),
            "pidfd" => {
                let pidfd = check(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
                let pidfd: i32 = parse(&pidfd);
                let nothing = std::ptr::null::<u8>();
                check(libc::syscall(
                    libc::SYS_pidfd_send_signal,
                    pidfd,
                    signal,
                    nothing,
                    0,
                ))
            }
            "process-vm" => {
                let mut buffer = [0_u8; 16];
                let ours = libc::iovec {
                    iov_base: buffer.as_mut_ptr().cast(),
                    iov_len: buffer.len(),
                };
                // Forked from one program, all workers have the same things at the same places.
                let there = &raw const MARK;
                let theirs = libc::iovec {
                    iov_base: there.cast_mut().cast(),
                    iov_len: MARK.len(),
                };
                check(
                    libc::process_vm_readv(pid, &raw const ours, 1, &raw const theirs, 1, 0) as i64,
                )
            }
            "memory-of" => open(&format!("/proc/{pid}/mem"), libc::O_RDONLY),
            _ => Err(libc::ENOSYS),
        }
    }
}

static MARK: [u8; 16] = *b"0123456789abcdef";

fn system_call(attack: &str) -> Outcome {
    let mut space = [0_u8; 256];
    let at = space.as_mut_ptr();
    // SAFETY: every pointer is to zeroed space that is longer than what any of these calls reads or
    // writes; the child of `clone` only ends.
    unsafe {
        check(match attack {
            "unshare" => libc::unshare(libc::CLONE_NEWUSER).into(),
            "clone" => {
                let result = libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0_usize, 0, 0, 0);
                if result == 0 {
                    libc::_exit(0);
                }
                result
            }
            "socket" => libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0).into(),
            "netlink" => libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0).into(),
            "io-uring" => libc::syscall(libc::SYS_io_uring_setup, 1, at),
            "bpf" => libc::syscall(libc::SYS_bpf, 0, bpf_map(at), 72),
            "userfaultfd" => libc::syscall(libc::SYS_userfaultfd, 1),
            "perf" => {
                // A software clock of this process, in the first version's layout.
                at.cast::<u32>().write(1);
                at.cast::<u32>().add(1).write(64);
                libc::syscall(libc::SYS_perf_event_open, at, 0, -1, -1, 0)
            }
            "keyring" => libc::syscall(libc::SYS_keyctl, 0, -3_i64, 1),
            "file-system" => libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0),
            "host-name" => {
                libc::gethostname(at.cast(), 200);
                libc::sethostname(at.cast(), libc::strlen(at.cast())).into()
            }
            "outlive" => libc::prctl(libc::PR_SET_PDEATHSIG, 0).into(),
            "dumpable" => libc::prctl(libc::PR_SET_DUMPABLE, 1).into(),
            "personality" => libc::personality(0x0040_0000).into(),
            "asynchronous" => {
                let descriptor = std::io::stdin().as_raw_fd();
                libc::fcntl(descriptor, libc::F_SETOWN, libc::getpid()).into()
            }
            "raise-limit" => {
                let limit = libc::rlimit {
                    rlim_cur: 1 << 20,
                    rlim_max: 1 << 30,
                };
                libc::setrlimit(libc::RLIMIT_DATA, &raw const limit).into()
            }
            #[cfg(target_arch = "x86_64")]
            "x32" => libc::syscall(0x4000_0000 | libc::SYS_getpid),
            _ => return Err(libc::ENOSYS),
        })
    }
}

/// An array of one integer, as `BPF_MAP_CREATE` reads it.
unsafe fn bpf_map(at: *mut u8) -> *mut u8 {
    // SAFETY: the caller's space is long enough for five integers.
    unsafe {
        for (index, value) in [2_u32, 4, 4, 1].into_iter().enumerate() {
            at.cast::<u32>().add(index).write(value);
        }
    }
    at
}
