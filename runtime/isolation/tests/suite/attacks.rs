//! Every attack that the attacker knows: that it works on a worker without layers, that each of the layers
//! that should stop it does so alone, and that all together do.
//!
//! With `METERBOX_WHOLE_TABLE` set, every other layer is tried too, and what else would stop it is printed.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};

use meterbox_isolation::Layer::{
    Capabilities, ClosedDescriptors, EmptyEnvironment, IpcNamespace, Landlock, MountNamespace,
    NetworkNamespace, OrdinaryUser, PidNamespace, ResourceLimits, Seccomp, ThreadLimit, Undumpable,
    UserNamespace,
};
use meterbox_isolation::{Ending, Layer, Layers, Role, Standing, Worker, Zygote, ZygoteSettings};

use crate::fixture::{Outcome, fork, is_root, program, runner, says, tell, wait_for};

/// One thing to try.
struct Attack {
    command: String,
    role: Role,
    /// Each stops it without any other.
    alone: &'static [Layer],
    /// These too, if the tests are run by root, whose rights they take.
    alone_for_root: &'static [Layer],
    /// These too, if an ordinary user runs them.
    alone_for_user: &'static [Layer],
    /// Whether it would work without layers.
    works: Works,
}

#[derive(PartialEq, Eq)]
enum Works {
    /// Anywhere.
    Always,
    /// For root.
    ForRoot,
    /// If the kernel was built and set up with it.
    Perhaps,
}

/// What there is to attack.
struct Host {
    folder: PathBuf,
    tcp: TcpListener,
    udp: UdpSocket,
    _unix: UnixListener,
    _abstract: UnixListener,
    /// Of a segment of shared memory.
    key: i32,
    abstract_name: String,
    _leak: File,
}

fn attacks(host: &Host) -> Vec<Attack> {
    let pid = std::process::id();
    let path = |name: &str| host.folder.join(name).display().to_string();
    let tcp = host.tcp.local_addr().unwrap().port();
    let udp = host.udp.local_addr().unwrap().port();
    let files = &[Landlock, Seccomp, MountNamespace][..];
    let signals = &[Landlock, Seccomp, PidNamespace][..];
    let tracing = &[Landlock, Seccomp, PidNamespace, UserNamespace][..];
    let filter = &[Seccomp][..];
    let mut attacks = vec![
        attack(format!("read {}", path("secret")), files),
        attack(
            "read /proc/self/environ".into(),
            &[Landlock, Seccomp, MountNamespace, EmptyEnvironment],
        ),
        Attack {
            alone_for_root: &[Capabilities],
            ..attack(
                format!("read /proc/{pid}/environ"),
                &[Landlock, Seccomp, MountNamespace, UserNamespace],
            )
        },
        attack(
            format!("read /proc/{pid}/root{}", path("secret")),
            &[Landlock, Seccomp, MountNamespace],
        ),
        attack("open /proc/self/fd/1".into(), files),
        attack("open /".into(), &[Landlock, Seccomp]),
        attack(
            format!("stat {}", path("secret")),
            &[Seccomp, MountNamespace],
        ),
        Attack {
            alone_for_root: &[],
            ..attack(
                format!("append {}", path("ledger")),
                &[Landlock, Seccomp, MountNamespace, ResourceLimits],
            )
        },
        attack(format!("tcp {tcp}"), &[Landlock, Seccomp, NetworkNamespace]),
        attack(format!("udp {udp}"), &[Seccomp, NetworkNamespace]),
        attack(
            format!("abstract {}", host.abstract_name),
            &[Landlock, Seccomp, NetworkNamespace],
        ),
        attack(
            format!("unix {}", path("socket")),
            &[Seccomp, MountNamespace],
        ),
        attack("socket".into(), filter),
        attack("netlink".into(), filter),
        attack("exec".into(), files),
        attack(format!("kill {pid}"), signals),
        attack(format!("tgkill {pid}"), signals),
        attack(format!("pidfd {pid}"), signals),
        Attack {
            alone_for_root: &[Capabilities],
            ..attack(format!("ptrace {pid}"), tracing)
        },
        Attack {
            alone_for_user: &[Undumpable],
            ..attack("process-vm SIBLING".into(), tracing)
        },
        Attack {
            alone_for_user: &[Undumpable],
            ..attack(
                "memory-of SIBLING".into(),
                &[Landlock, Seccomp, MountNamespace, UserNamespace],
            )
        },
        attack("map 5".into(), filter),
        attack("map 7".into(), filter),
        attack("map 6".into(), filter),
        attack("protect 7".into(), filter),
        attack("protect 6".into(), filter),
        Attack {
            role: Role::Compiler,
            ..attack("map 5".into(), filter)
        },
        Attack {
            role: Role::Compiler,
            ..attack("protect 5".into(), filter)
        },
        attack("forks 200".into(), &[Seccomp, ThreadLimit]),
        attack("clone".into(), filter),
        attack("threads 200".into(), &[ThreadLimit]),
        attack("memory 268435456".into(), &[ResourceLimits]),
        attack("memfd 1048576".into(), &[Seccomp, ResourceLimits]),
        attack("raise-limit".into(), filter),
        attack("environment".into(), &[EmptyEnvironment]),
        attack("descriptors".into(), &[ClosedDescriptors]),
        attack("outlive".into(), filter),
        attack("dumpable".into(), filter),
        attack("personality".into(), filter),
        attack("asynchronous".into(), filter),
        attack(
            format!("shared-memory {}", host.key),
            &[Seccomp, IpcNamespace],
        ),
        kernel(Works::ForRoot, "file-system", &[Seccomp, Capabilities]),
        kernel(Works::ForRoot, "host-name", &[Seccomp, Capabilities]),
        kernel(Works::Perhaps, "unshare", filter),
        kernel(Works::Perhaps, "io-uring", filter),
        kernel(Works::Perhaps, "bpf", filter),
        kernel(Works::Perhaps, "userfaultfd", filter),
        kernel(Works::Perhaps, "perf", filter),
        kernel(Works::Perhaps, "keyring", filter),
    ];
    if cfg!(target_arch = "x86_64") {
        attacks.push(kernel(Works::Perhaps, "x32", filter));
    }
    attacks
}

fn attack(command: String, alone: &'static [Layer]) -> Attack {
    Attack {
        command,
        role: Role::Runner,
        alone,
        alone_for_root: &[],
        alone_for_user: &[],
        works: Works::Always,
    }
}

impl Attack {
    fn more(&self) -> &'static [Layer] {
        if is_root() {
            self.alone_for_root
        } else {
            self.alone_for_user
        }
    }
}

fn kernel(works: Works, command: &str, alone: &'static [Layer]) -> Attack {
    Attack {
        works,
        ..attack(command.to_owned(), alone)
    }
}

#[test]
fn each_attack_is_stopped_by_each_of_its_layers_alone() {
    let host = Host::new();
    let bare = host.zygote(Layers::NONE);
    let whole = host.zygote(Layers::ALL);
    let alone: Vec<(Layer, Zygote)> = Layer::ALL
        .into_iter()
        .map(|layer| (layer, host.zygote(with_needed(layer))))
        .collect();
    let mut bystander = runner(&whole);
    let report = *bystander.report();
    let (mut tried, mut skipped) = (0, 0);

    for attack in attacks(&host) {
        let command = &attack.command;
        let control = attempt(&bare, &attack);
        let expected_to_work = match attack.works {
            Works::Always => true,
            // Root of a container of an ordinary user's is not enough.
            Works::ForRoot => is_root() && report.active().contains(OrdinaryUser),
            Works::Perhaps => false,
        };
        assert!(
            !expected_to_work || control.is_none(),
            "{command} proves nothing: {control:?}"
        );

        let stopped = attempt(&whole, &attack);
        says(&mut bystander, "untroubled");
        let against = Layers::only(&[attack.alone, attack.more()].concat());
        let there = against.iter().any(|layer| report.active().contains(layer));
        assert!(
            stopped.is_some() || !there,
            "{command} works on a worker with all layers"
        );
        let by_all = stopped.unwrap_or_else(|| "works, there is no layer against it".to_owned());

        if control.is_some() {
            println!("{command}: no layer needed here; all: {by_all}");
            skipped += 1;
            continue;
        }
        let mut by_each = Vec::new();
        for (layer, zygote) in &alone {
            let expected = attack.alone.contains(layer) || attack.more().contains(layer);
            if !expected && std::env::var_os("METERBOX_WHOLE_TABLE").is_none() {
                continue;
            }
            if fork(zygote, attack.role).report().standing(*layer) != Standing::Active {
                println!("{command}: skipped: this kernel lacks {layer}");
                skipped += usize::from(expected);
                continue;
            }
            let outcome = attempt(zygote, &attack);
            assert!(
                outcome.is_some() || !expected,
                "{layer} alone does not stop {command}"
            );
            tried += usize::from(expected);
            let unexpected = if expected { "" } else { " (not counted on)" };
            by_each.extend(outcome.map(|how| format!("{layer}: {how}{unexpected}")));
        }
        println!("{command}: all: {by_all}; alone: {}", by_each.join("; "));
    }
    println!("{tried} pairs of attack and layer tried, {skipped} skipped");
    assert!(tried > 0, "every attack was skipped");
    host.is_untouched();
}

/// Tries it on a new worker. None: it worked; else what stopped it.
fn attempt(zygote: &Zygote, attack: &Attack) -> Option<String> {
    let mut worker = fork(zygote, attack.role);
    let sibling = runner(zygote);
    let command = attack
        .command
        .replace("SIBLING", &sibling.pid().to_string());
    match tell(&mut worker, &command, &[]) {
        Outcome::Done(_) => None,
        Outcome::Refused(0) => Some("nothing to be had".to_owned()),
        Outcome::Refused(errno) => Some(std::io::Error::from_raw_os_error(errno).to_string()),
        // The exit code of the shell that it turned itself into.
        Outcome::Ended(Ending::Exited { code: 77 }) => None,
        Outcome::Ended(ending) => Some(ending.to_string()),
    }
}

/// The layers that one cannot do without.
fn with_needed(layer: Layer) -> Layers {
    let mut layers = vec![layer];
    match layer {
        // Root is not counted, and others are counted by user namespace.
        ThreadLimit => layers.extend([UserNamespace, OrdinaryUser]),
        Layer::MountNamespace
        | Layer::NetworkNamespace
        | Layer::PidNamespace
        | Layer::IpcNamespace
        | Layer::UtsNamespace
        | Layer::CgroupNamespace
            if !is_root() =>
        {
            layers.push(UserNamespace);
        }
        _ => {}
    }
    Layers::only(&layers)
}

impl Host {
    fn new() -> Self {
        // Tests run side by side, in one process and in several.
        static HOSTS: AtomicI32 = AtomicI32::new(0);
        let number = HOSTS.fetch_add(1, Ordering::Relaxed);
        let name = format!("meterbox-isolation-{}-{number}", std::process::id());
        let key = i32::try_from(std::process::id()).unwrap() * 16 + number + 1;
        let folder = std::env::temp_dir().join(&name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("secret"), "the key").unwrap();
        fs::write(folder.join("ledger"), "paid").unwrap();
        let _ = fs::remove_file(folder.join("socket"));
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        // SAFETY: numbers only.
        unsafe { libc::shmget(key, 4096, libc::IPC_CREAT | 0o600) };
        let leak = File::open("/dev/null").unwrap();
        // SAFETY: of a descriptor that is open.
        unsafe { libc::fcntl(leak.as_raw_fd(), libc::F_SETFD, 0) };
        Self {
            tcp: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            udp: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            _unix: UnixListener::bind(folder.join("socket")).unwrap(),
            _abstract: UnixListener::bind_addr(&address).unwrap(),
            key,
            abstract_name: name,
            _leak: leak,
            folder,
        }
    }

    fn zygote(&self, layers: Layers) -> Zygote {
        let mut command = program();
        command.env("METERBOX_SECRET", "in the environment");
        Zygote::start(
            command,
            &ZygoteSettings {
                layers,
                inherit_stderr: false,
            },
        )
        .unwrap()
    }

    fn is_untouched(&self) {
        let secret = fs::read_to_string(self.folder.join("secret")).unwrap();
        assert_eq!(secret, "the key");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        // SAFETY: numbers only, and no structure for this command.
        unsafe {
            let segment = libc::shmget(self.key, 0, 0);
            libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut());
        }
    }
}

#[test]
fn a_ledger_stays_as_it_was_whatever_a_worker_tries() {
    let host = Host::new();
    let whole = host.zygote(Layers::ALL);
    for attack in attacks(&host) {
        attempt(&whole, &attack);
    }
    assert_eq!(
        fs::read_to_string(host.folder.join("ledger")).unwrap(),
        "paid"
    );
    // What is left of all those workers.
    let mut last = runner(&whole);
    wait_for("the others are gone", || children(&whole) == [last.pid()]);
    says(&mut last, "alone");
}

fn children(zygote: &Zygote) -> Vec<u32> {
    let pid = zygote.pid();
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

#[test]
fn what_only_an_attacker_does_is_named_seccomp() {
    let zygote = Host::new().zygote(Layers::ALL);
    for command in [
        "socket", "exec", "clone", "unshare", "bpf", "io-uring", "keyring", "map 7",
    ] {
        let mut worker: Worker = runner(&zygote);
        let Outcome::Ended(ending) = tell(&mut worker, command, &[]) else {
            panic!("{command} is survived")
        };
        assert!(ending.is_seccomp(), "{command}: {ending}");
    }
}

#[test]
fn what_libraries_try_fails_and_does_not_kill() {
    let zygote = Host::new().zygote(Layers::ALL);
    let mut worker = runner(&zygote);
    for (command, errno) in [
        ("open /etc/localtime", libc::EPERM),
        ("stat /etc/localtime", libc::EPERM),
        ("read /sys/fs/cgroup/cpu.max", libc::EPERM),
        ("asynchronous", libc::EPERM),
        ("memfd 1", libc::ENOSYS),
    ] {
        let outcome = tell(&mut worker, command, &[]);
        assert_eq!(outcome, Outcome::Refused(errno), "{command}");
    }
    says(&mut worker, "alive");
}

/// Tests run by root say little of what an ordinary user gets: there, user namespaces are the only way to
/// the others.
#[test]
fn an_ordinary_user_gets_the_same() {
    if !is_root() {
        println!("skipped: this is an ordinary user already");
        return;
    }
    use std::os::unix::process::CommandExt as _;
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--test-threads=1", "--nocapture"])
        .uid(65534)
        .gid(65534)
        .current_dir("/");
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}\n{errors}");
            println!("{said}");
        }
        Err(error) => println!("skipped: an ordinary user may not start this test: {error}"),
    }
}
