//! A worker that does as a guest would that has got out of its engine: whatever it is told to try. Never
//! decides whether it should have worked.

mod attack;
mod flood;

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _, IntoRawFd};
use std::process::{Command, ExitCode};

use meterbox_isolation::{
    Channel, Frame, Role, Roles, WorkerLimits, Zygote, ZygoteSettings, serve,
};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("parent") => parent(),
        Some("parent-of-many") => return parent_of_many(),
        Some("with-a-thread") => drop(std::thread::spawn(std::thread::park)),
        _ => {}
    }
    match serve(&Roles {
        runner: &work,
        compiler: &work,
        inference: &work,
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts a zygote and a worker that ignores its channel, names them, and stays.
fn parent() {
    let program = std::env::current_exe().expect("it has a path");
    let zygote = Zygote::start(Command::new(program), &ZygoteSettings::default());
    let zygote = zygote.expect("the zygote starts");
    let worker = zygote.fork(Role::Runner, &WorkerLimits::default(), None);
    let mut worker = worker.expect("the worker is forked");
    worker
        .channel()
        .send(b"survive", &[], None)
        .expect("it listens");
    writeln!(std::io::stdout(), "{} {}", zygote.pid(), worker.pid()).expect("the test listens");
    loop {
        std::thread::park();
    }
}

/// Has a hundred workers, one after another, and looks whether it has more descriptors than before.
fn parent_of_many() -> ExitCode {
    let program = std::env::current_exe().expect("it has a path");
    let zygote = Zygote::start(Command::new(program), &ZygoteSettings::default());
    let zygote = zygote.expect("the zygote starts");
    let count = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = count();
    for index in 0..100 {
        let worker = zygote.fork(Role::Runner, &WorkerLimits::default(), None);
        let mut worker = worker.expect("the worker is forked");
        if index % 2 == 0 {
            worker
                .channel()
                .send(b"flood surplus", &[], None)
                .expect("it listens");
            worker.channel().receive(None).expect_err("it is no frame");
        }
    }
    if count() == before {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn work(mut channel: Channel) -> u8 {
    while let Ok(Some(frame)) = channel.receive(None) {
        let command = String::from_utf8_lossy(&frame.payload).into_owned();
        let words: Vec<&str> = command.split_whitespace().collect();
        let answer = match words[..] {
            ["exit", code] => return code.parse().unwrap_or(1),
            ["panic"] => panic!("as told"),
            ["abort"] => std::process::abort(),
            ["overflow"] => Ok(overflow(1).to_string()),
            ["flood", kind] => return flood::flood(&channel, kind),
            ["duplicate"] => duplicate(&channel),
            ["keep"] => Ok(kept(frame).to_string()),
            ["file"] => length(frame),
            ["run"] => run(frame),
            ["large"] => {
                let payload = vec![7; meterbox_isolation::FRAME_BYTES_MAX];
                if channel.send(&payload, &[], None).is_err() {
                    return 3;
                }
                continue;
            }
            _ => attack::attack(&words),
        };
        let answer = match answer {
            Ok(detail) => format!("ok {detail}"),
            Err(errno) => format!("refused {errno}"),
        };
        if channel.send(answer.as_bytes(), &[], None).is_err() {
            return 3;
        }
    }
    0
}

/// Gives the channel another number, for good.
fn duplicate(channel: &Channel) -> Result<String, i32> {
    let duplicate = channel.as_fd().try_clone_to_owned();
    let duplicate = duplicate.map_err(|error| error.raw_os_error().unwrap_or(0))?;
    Ok(duplicate.into_raw_fd().to_string())
}

/// Keeps what was handed over open, for good.
fn kept(frame: Frame) -> usize {
    let descriptors = frame.descriptors.into_iter();
    descriptors.map(IntoRawFd::into_raw_fd).count()
}

/// How long a file is that was handed over, as the standard library finds out.
fn length(frame: Frame) -> Result<String, i32> {
    let descriptor = frame.descriptors.into_iter().next().ok_or(libc::EBADF)?;
    let metadata = File::from(descriptor).metadata();
    metadata
        .map(|metadata| metadata.len().to_string())
        .map_err(|e| e.raw_os_error().unwrap_or(0))
}

/// Maps a file that was handed over as code, and calls it.
fn run(frame: Frame) -> Result<String, i32> {
    let descriptor = frame.descriptors.first().ok_or(libc::EBADF)?;
    let protection = libc::PROT_READ | libc::PROT_EXEC;
    // SAFETY: a new mapping; nobody has a reference into it.
    let code = unsafe {
        let nowhere = std::ptr::null_mut();
        libc::mmap(
            nowhere,
            4096,
            protection,
            libc::MAP_PRIVATE,
            descriptor.as_raw_fd(),
            0,
        )
    };
    if code == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
    }
    // SAFETY: the test hands over a function without arguments that returns an integer.
    let code: extern "C" fn() -> i32 = unsafe { std::mem::transmute(code) };
    Ok(code().to_string())
}

fn overflow(depth: u64) -> u64 {
    let block = std::hint::black_box([depth; 512]);
    if depth == 0 {
        0
    } else {
        overflow(depth + 1) + block[3]
    }
}
