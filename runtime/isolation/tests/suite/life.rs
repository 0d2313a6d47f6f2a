//! Workers' births and deaths, and those of zygotes.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::time::Instant;

use meterbox_isolation::{
    ChannelError, Ending, Layer, Layers, Role, Standing, WorkerError, ZygoteError, ZygoteSettings,
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{
    Outcome, fork, limits, program, runner, says, shortly, soon, tell, wait_for, zygote,
};

#[test]
fn work_is_done_over_the_channel() {
    let zygote = zygote(Layers::ALL);
    for role in [Role::Runner, Role::Compiler, Role::Inference] {
        let mut worker = fork(&zygote, role);
        says(&mut worker, "hello");
        assert_eq!(
            tell(&mut worker, "threads 8", &[]),
            Outcome::Done("8".to_owned())
        );
        assert_eq!(
            tell(&mut worker, "memory 8388608", &[]),
            Outcome::Done("8388608".to_owned())
        );
        says(&mut worker, "still-here");
    }
}

#[test]
fn how_a_worker_ended_is_told() {
    let zygote = zygote(Layers::ALL);
    // The first process of a PID namespace gets no SIGABRT from itself: the C library then faults.
    let first = runner(&zygote).report().standing(Layer::PidNamespace) == Standing::Active;
    let aborted = Ending::Killed {
        signal: if first { libc::SIGSEGV } else { libc::SIGABRT },
    };
    for (command, expected) in [
        ("exit 0", Ending::Exited { code: 0 }),
        ("exit 41", Ending::Exited { code: 41 }),
        ("panic", Ending::Exited { code: 101 }),
        ("abort", aborted),
        ("overflow", aborted),
        (
            "socket",
            Ending::Killed {
                signal: libc::SIGSYS,
            },
        ),
    ] {
        let mut worker = runner(&zygote);
        let outcome = tell(&mut worker, command, &[]);
        assert_eq!(outcome, Outcome::Ended(expected), "{command}");
        assert_eq!(worker.exit(None).unwrap(), expected, "asked again");
    }
    assert_eq!(
        Ending::Killed {
            signal: libc::SIGSYS
        }
        .to_string(),
        "SIGSYS (seccomp)"
    );
}

#[test]
fn a_worker_whose_channel_is_dropped_returns() {
    let zygote = zygote(Layers::ALL);
    let mut worker = runner(&zygote);
    let error = worker.exit(shortly()).unwrap_err();
    assert!(matches!(error, WorkerError::DeadlinePassed), "{error}");
    // In place of the parent's end it gets one that nobody holds the other of.
    let (_, loose) = meterbox_isolation::Channel::pair().unwrap();
    *worker.channel() = loose;
    assert_eq!(worker.exit(soon()).unwrap(), Ending::Exited { code: 0 });
}

#[test]
fn code_that_is_handed_over_runs() {
    let zygote = zygote(Layers::ALL);
    let file = memfd_create("code", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
    let mut file = fs::File::from(file);
    #[cfg(target_arch = "x86_64")]
    let code = [0xb8, 42, 0, 0, 0, 0xc3]; // mov eax, 42; ret
    #[cfg(target_arch = "aarch64")]
    let code = [0x40, 5, 0x80, 0x52, 0xc0, 3, 0x5f, 0xd6]; // mov w0, #42; ret
    file.write_all(&code).unwrap();
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK,
    )
    .unwrap();
    let length = code.len().to_string();
    let mut worker = runner(&zygote);
    assert_eq!(
        tell(&mut worker, "file", &[file.as_fd()]),
        Outcome::Done(length)
    );
    assert_eq!(
        tell(&mut worker, "run", &[file.as_fd()]),
        Outcome::Done("42".to_owned())
    );
    let mut worker = fork(&zygote, Role::Compiler);
    let ending = Ending::Killed {
        signal: libc::SIGSYS,
    };
    assert_eq!(
        tell(&mut worker, "run", &[file.as_fd()]),
        Outcome::Ended(ending)
    );
}

#[test]
fn the_limit_of_data_moves_and_has_an_end() {
    let zygote = zygote(Layers::ALL);
    let mut worker = runner(&zygote);
    let (small, large) = ("memory 83886080", "memory 167772160");
    assert_eq!(
        tell(&mut worker, small, &[]),
        Outcome::Refused(libc::ENOMEM)
    );
    worker.set_data_bytes(112 << 20).unwrap();
    let mut other = runner(&zygote);
    other.set_data_bytes(112 << 20).unwrap();
    assert_eq!(
        tell(&mut other, small, &[]),
        Outcome::Done("83886080".to_owned())
    );
    assert_eq!(tell(&mut other, large, &[]), Outcome::Refused(libc::ENOMEM));
    // Beyond the hard limit is the hard limit.
    other.set_data_bytes(u64::MAX).unwrap();
    assert_eq!(tell(&mut other, large, &[]), Outcome::Refused(libc::ENOMEM));
}

#[test]
fn hundreds_of_workers_leave_nothing_behind() {
    let zygote = zygote(Layers::ALL);
    let mut first = runner(&zygote);
    // Perhaps with what it has just handed over and not closed yet.
    let before = zygote_descriptors(zygote.pid());
    let mut kept = Vec::new();
    for index in 0..200 {
        let mut worker = runner(&zygote);
        match index % 4 {
            0 => {
                let ending = Ending::Exited { code: 3 };
                assert_eq!(tell(&mut worker, "exit 3", &[]), Outcome::Ended(ending));
            }
            1 => worker.kill(),
            // Dropped in the middle of work, and a few at a time.
            2 => worker.channel().send(b"survive", &[], soon()).unwrap(),
            _ => kept.push(worker),
        }
        if kept.len() == 10 {
            kept.clear();
        }
    }
    drop(kept);
    wait_for("all are reaped", || children(zygote.pid()) == [first.pid()]);
    if let Some(before) = before {
        wait_for("its descriptors are closed", || {
            zygote_descriptors(zygote.pid()).is_some_and(|now| now <= before)
        });
    }
    says(&mut first, "alone");
}

#[test]
fn a_parent_is_left_with_no_descriptors() {
    // In a process of its own: in this one other tests open and close theirs.
    let status = program().arg("parent-of-many").status().unwrap();
    assert!(status.success());
}

#[test]
fn forks_may_be_asked_for_from_several_threads() {
    let zygote = zygote(Layers::ALL);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let zygote = &zygote;
            scope.spawn(move || {
                for index in 0..10 {
                    says(&mut runner(zygote), &format!("{thread}-{index}"));
                }
            });
        }
    });
}

#[test]
fn a_zygote_outlives_the_thread_that_started_it() {
    let zygote = std::thread::spawn(|| zygote(Layers::ALL)).join().unwrap();
    says(&mut runner(&zygote), "still-served");
    assert!(zygote.is_alive());
}

#[test]
fn with_the_zygote_its_workers_die() {
    let zygote = zygote(Layers::ALL);
    let mut idle = runner(&zygote);
    let mut busy = runner(&zygote);
    busy.channel().send(b"survive", &[], soon()).unwrap();
    let pid = Pid::from_raw(zygote.pid().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    // Every way to ask ends with an answer.
    for worker in [&mut idle, &mut busy] {
        assert!(matches!(worker.channel().receive(soon()), Ok(None)));
        let error = worker.exit(soon()).unwrap_err();
        assert!(
            matches!(error, WorkerError::Zygote(ZygoteError::Gone)),
            "{error}"
        );
    }
    let error = zygote.fork(Role::Runner, &limits(), soon()).unwrap_err();
    assert!(matches!(error, ZygoteError::Gone), "{error}");
    assert!(!zygote.is_alive());
}

#[test]
fn with_the_parent_everything_dies() {
    let mut command = program();
    command.arg("parent").stdout(std::process::Stdio::piped());
    let mut parent = command.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(parent.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    let pids: Vec<u32> = said
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| lives(*pid)));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for("both die", || !pids.iter().any(|pid| lives(*pid)));
}

#[test]
fn a_dropped_zygote_is_gone_with_its_workers() {
    let zygote = zygote(Layers::ALL);
    let pid = zygote.pid();
    let mut worker = runner(&zygote);
    drop(zygote);
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
    assert!(matches!(worker.channel().receive(soon()), Ok(None)));
}

#[test]
fn only_that_layer_makes_a_worker_die_with_its_zygote() {
    for (layers, dies) in [
        (Layers::only(&[Layer::DiesWithParent]), true),
        (Layers::NONE, false),
    ] {
        let zygote = zygote(layers);
        let mut worker = runner(&zygote);
        worker.channel().send(b"survive", &[], soon()).unwrap();
        let pid = Pid::from_raw(worker.pid().try_into().unwrap()).unwrap();
        drop(zygote);
        if dies {
            wait_for("it dies too", || !lives(worker.pid()));
        } else {
            assert!(lives(worker.pid()));
            kill_process(pid, Signal::KILL).unwrap();
        }
    }
}

#[test]
fn a_program_that_is_no_zygote_is_an_error() {
    let settings = ZygoteSettings::default();
    let nothing = std::process::Command::new("/nonexistent/worker");
    let error = meterbox_isolation::Zygote::start(nothing, &settings).unwrap_err();
    assert!(matches!(error, ZygoteError::Start(_)), "{error}");
    let another = std::process::Command::new("/bin/true");
    let error = meterbox_isolation::Zygote::start(another, &settings).unwrap_err();
    assert!(matches!(error, ZygoteError::Gone), "{error}");
    let mut threaded = program();
    threaded.arg("with-a-thread");
    let error = meterbox_isolation::Zygote::start(threaded, &settings).unwrap_err();
    assert!(matches!(error, ZygoteError::Gone), "{error}");
}

#[test]
fn the_worker_program_refuses_to_be_started_by_hand() {
    let output = program()
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "error: this program is started by another one, not by hand\n"
    );
}

#[test]
fn a_worker_comes_to_life_quickly() {
    let zygote = zygote(Layers::ALL);
    let mut times: Vec<_> = (0..50)
        .map(|_| {
            let began = Instant::now();
            let worker = runner(&zygote);
            let time = began.elapsed();
            drop(worker);
            time
        })
        .collect();
    times.sort();
    println!(
        "fork to first frame: median {:?}, slowest {:?}",
        times[25], times[49]
    );
    // Hundreds of times what it takes: only a change of kind is an error.
    assert!(times[25].as_millis() < 500);
}

#[test]
fn an_error_names_what_a_channel_lacks() {
    assert_eq!(
        ChannelError::CutShort.to_string(),
        "the peer closed within a frame"
    );
}

fn lives(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status
        .rsplit_once(") ")
        .map(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some(None | Some('Z' | 'X')))
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

/// None: an undumpable process's descriptors are for root to see.
fn zygote_descriptors(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}
