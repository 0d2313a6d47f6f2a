//! Workers: they are stopped, they die, they lie, and nobody pays for it but who should.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meterbox_sandbox::{
    Fault, Limits, Nobody, OptLevel, Outcome, Program, Ran, Refusal, RunError, Sandbox, Stop,
    Stopper, WorkerSettings,
};
use meterbox_tests as guests;

use crate::job::{Job, LIMITS, worker_settings};

/// A command that only computes, and never ends.
const SPIN: &str = r#"(module (memory (export "memory") 1)
    (func (export "_start") (loop (br 0))))"#;

/// A command that calls the host, and never ends.
const CALL: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") (loop (drop (call $yield)) (br 0))))"#;

fn unbounded() -> Limits {
    Limits {
        instructions: 1 << 60,
        host_calls: u64::MAX,
        bytes_out: 4 << 20,
        ..LIMITS
    }
}

fn compile(sandbox: &Sandbox, text: &str) -> Program {
    let metered = meterbox_meter::meter(&wat::parse_str(text).unwrap()).unwrap();
    sandbox.compile(metered).unwrap()
}

fn run(sandbox: &Sandbox, program: &Program, stop: &Stop) -> Result<Ran, RunError> {
    sandbox.run_until(
        program,
        Arc::default(),
        &unbounded(),
        Arc::new(Nobody),
        stop,
    )
}

/// Runs a program, stops it after a moment, and says how long it took from the request to the end.
fn stopped_after(sandbox: &Sandbox, program: &Program, wait: Duration) -> (Ran, Duration) {
    let stop = Stop::new();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let ran = run(sandbox, program, &stop).unwrap();
            (ran, Instant::now())
        });
        std::thread::sleep(wait);
        let requested = Instant::now();
        stop.request(Stopper::Requestor);
        let (ran, ended) = running.join().unwrap();
        (ran, ended - requested)
    })
}

#[test]
fn a_run_is_stopped_within_a_tenth_of_a_second() {
    let workers = crate::job::workers();
    let (spin, call) = (compile(&workers, SPIN), compile(&workers, CALL));
    // A neighbour runs all the while, and notices nothing.
    let neighbour = Job::guest(guests::hello());
    let undisturbed = neighbour.run_in(&workers).unwrap();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                assert_eq!(neighbour.run_in(&workers).unwrap(), undisturbed);
            }
        });
        let mut slowest = Duration::ZERO;
        for (program, killed) in [(&spin, true), (&call, false)] {
            for wait in [0, 1, 30, 100] {
                let (ran, took) = stopped_after(&workers, program, Duration::from_millis(wait));
                let expected = Outcome::Stopped {
                    by: Stopper::Requestor,
                    killed,
                };
                // Stopped before it began, it never gets to its loop.
                assert!(
                    ran.outcome == expected || (wait < 30 && !killed),
                    "{:?}",
                    ran.outcome
                );
                let counted = ran.measured.spent.instructions > 0;
                assert_eq!(counted, !killed, "{:?} {wait}", ran.measured);
                slowest = slowest.max(took);
            }
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        // On a machine that is busy with other tests, half of it is waiting for a turn.
        assert!(slowest < Duration::from_millis(200), "{slowest:?}");
    });
}

#[test]
fn a_stop_in_this_process_ends_the_run_at_its_next_call() {
    let sandbox = Sandbox::new(OptLevel::Speed).unwrap();
    let call = compile(&sandbox, CALL);
    let (ran, _) = stopped_after(&sandbox, &call, Duration::from_millis(20));
    let by = Stopper::Requestor;
    assert_eq!(ran.outcome, Outcome::Stopped { by, killed: false });
    assert!(ran.measured.host_calls > 0);
    assert_eq!(ran.measured.host_calls % 500, 0);
    assert!(ran.measured.spent.instructions > 0);
}

#[test]
fn a_run_that_takes_too_long_is_stopped_by_the_provider() {
    let settings = WorkerSettings {
        wall_time_max: Some(Duration::from_millis(50)),
        ..worker_settings()
    };
    let workers = Sandbox::with_workers(OptLevel::Speed, settings).unwrap();
    for (text, killed) in [(SPIN, true), (CALL, false)] {
        let ran = run(&workers, &compile(&workers, text), &Stop::new()).unwrap();
        let by = Stopper::Provider;
        assert_eq!(ran.outcome, Outcome::Stopped { by, killed });
    }
    // One that is quick is not touched.
    Job::guest(guests::hello())
        .run_in(&workers)
        .unwrap()
        .is_ok();
}

#[test]
fn what_takes_too_much_to_compile_is_refused() {
    // One long function, which a compiler has to have in memory as a whole.
    let sums: String = (1..60_000)
        .map(|term| format!("(i32.xor (i32.load (i32.const {term})))\n"))
        .collect();
    let text = format!(
        r#"(module (memory (export "memory") 1)
        (func (export "_start") (i32.const 0) {sums} (drop)))"#
    );
    let program = meterbox_meter::meter(&wat::parse_str(text).unwrap()).unwrap();
    let refused = |settings: WorkerSettings| {
        let workers = Sandbox::with_workers(OptLevel::Speed, settings).unwrap();
        match workers.compile(program.clone()) {
            Err(RunError::Refusal(refusal)) => refusal.to_string(),
            other => panic!("{:?}", other.err()),
        }
    };
    let slow = refused(WorkerSettings {
        compile_time_max: Duration::from_millis(1),
        ..worker_settings()
    });
    assert!(slow.contains("0 s"), "{slow}");
    let large = refused(WorkerSettings {
        compile_bytes_max: 168 << 20,
        ..worker_settings()
    });
    // Which allocation is refused decides how the compiler ends.
    let ends = ["168 MiB of memory", "its compiler gave up"];
    assert!(ends.iter().any(|end| large.contains(end)), "{large}");
}

#[test]
fn workers_that_were_killed_are_replaced() {
    let workers = crate::job::workers();
    let job = Job::guest(guests::hello());
    let program = job.compile_in(&workers).unwrap();
    let undisturbed = job.run_program(&workers, &program).unwrap();
    for _ in 0..5 {
        for pid in workers.worker_pids() {
            kill(pid);
        }
        assert_eq!(job.run_program(&workers, &program).unwrap(), undisturbed);
    }
    // The process that forks them, too.
    for _ in 0..3 {
        let parent = parent_of(workers.worker_pids()[0]);
        kill(parent);
        assert_eq!(job.run_program(&workers, &program).unwrap(), undisturbed);
    }
}

fn kill(pid: u32) {
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(killed.is_ok());
}

fn parent_of(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("PPid:"));
    line.unwrap()[5..].trim().parse().unwrap()
}

#[test]
fn compiled_programs_are_kept_and_made_again_when_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let start = || {
        let settings = WorkerSettings {
            cache: Some(cache.clone()),
            ..worker_settings()
        };
        Sandbox::with_workers(OptLevel::Speed, settings).unwrap()
    };
    let job = Job::guest(guests::hello());
    let first = job.run_in(&start()).unwrap();
    let files = || -> Vec<PathBuf> {
        let entries = fs::read_dir(&cache).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let [artefact] = &files()[..] else {
        panic!("{:?}", files());
    };
    let made = fs::metadata(artefact).unwrap().modified().unwrap();
    assert_eq!(job.run_in(&start()).unwrap(), first);
    assert_eq!(fs::metadata(artefact).unwrap().modified().unwrap(), made);

    // Cut short, changed, or emptied: nobody runs that.
    let whole = fs::read(artefact).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &changed, &[]] {
        fs::remove_file(artefact).unwrap();
        fs::write(artefact, damaged).unwrap();
        assert_eq!(job.run_in(&start()).unwrap(), first);
        assert!(fs::read(artefact).unwrap() == whole);
    }
    assert_eq!(files().len(), 1, "no draft is left");

    // Two at once make the same.
    fs::remove_file(artefact).unwrap();
    let (one, other) = (start(), start());
    std::thread::scope(|scope| {
        for sandbox in [&one, &other, &one, &other] {
            let (job, first) = (&job, &first);
            scope.spawn(move || assert_eq!(job.run_in(sandbox).unwrap(), *first));
        }
    });
    assert!(fs::read(artefact).unwrap() == whole);
}

/// A sandbox whose workers lie in this way.
fn liars(mode: &str) -> Sandbox {
    let settings = WorkerSettings {
        arguments: vec![mode.into()],
        compile_time_max: Duration::from_millis(300),
        wall_time_max: Some(Duration::from_millis(100)),
        ..WorkerSettings::new(env!("CARGO_BIN_EXE_meterbox-lying-worker").into())
    };
    Sandbox::with_workers(OptLevel::Speed, settings).unwrap()
}

#[test]
fn workers_that_lie_are_found_out_and_nobody_is_billed() {
    let program = || meterbox_meter::meter(&wat::parse_str(SPIN).unwrap()).unwrap();
    // What is said of the lie, if it is a fault; else how it ends.
    for (mode, expected) in [
        ("honest", "Ok"),
        ("dies", "exit code 7"),
        ("is-silent", "Stopped { by: Provider, killed: true }"),
        ("says-nothing-known", "a message is none"),
        ("says-nothing", "a message is none"),
        (
            "says-more-than-one-thing",
            "a message is followed by something",
        ),
        ("floods-nonsense", "a message is none"),
        ("floods-items", "more outputs than it may"),
        ("leaves-too-many-outputs", "more outputs than it may"),
        ("leaves-unsorted-outputs", "outputs are not sorted"),
        ("leaves-an-output-outside", "an output has no name"),
        (
            "leaves-more-content-than-it-says",
            "another size than its content",
        ),
        ("leaves-content-without-output", "a content has no output"),
        ("leaves-an-endless-output", "more content than it may"),
        ("used-more-than-it-may", "used more than it may"),
        (
            "says-models-that-do-not-add-up",
            "what models used is not what was used",
        ),
        ("says-more-than-it-may", "says more than it may"),
        ("ends-for-no-known-reason", "an outcome has an unknown name"),
        ("sends-descriptors", "descriptors"),
        ("cuts-a-frame-short", "closed within a frame"),
        ("dies-while-loading", "exit code 7"),
        ("loads-nonsense", "it did not load the program"),
        ("compiles-nothing", "while it compiled: exit code 9"),
        (
            "says-it-compiled-more",
            "the artefact was not written whole",
        ),
    ] {
        let workers = liars(mode);
        let ended = workers
            .compile(program())
            .and_then(|program| run(&workers, &program, &Stop::new()));
        let said = match ended {
            Ok(ran) => format!("{:?}", ran.outcome),
            Err(RunError::Fault(fault)) => fault.to_string(),
            Err(RunError::Refusal(refusal)) => panic!("{mode} is no refusal: {refusal}"),
        };
        assert!(said.contains(expected), "{mode}: {said}");
    }
    let slow = liars("compiles-for-ever").compile(program()).err();
    assert!(
        matches!(&slow, Some(RunError::Refusal(Refusal::Compiling(_)))),
        "{slow:?}"
    );
}

#[test]
fn a_worker_program_that_is_none_is_said_to_be() {
    for program in ["/nonexistent/worker", "/bin/true"] {
        let started =
            Sandbox::with_workers(OptLevel::Speed, WorkerSettings::new(program.into())).err();
        let said = format!("{:?}", started.unwrap());
        assert!(said.contains("Zygote"), "{said}");
    }
}

#[test]
fn a_program_compiled_for_workers_is_not_run_elsewhere() {
    let workers = crate::job::workers();
    let here = Sandbox::new(OptLevel::Speed).unwrap();
    let (there, mine) = (compile(&workers, SPIN), compile(&here, SPIN));
    for (sandbox, program) in [(&here, &there), (&workers, &mine)] {
        let ended = run(sandbox, program, &Stop::new()).err();
        assert!(
            matches!(&ended, Some(RunError::Fault(Fault::Host(reason))) if reason.contains("compiled")),
            "{ended:?}"
        );
    }
}

#[test]
fn a_worker_never_has_jobs_of_two_owners() {
    let workers = crate::job::workers();
    let program = compile(
        &workers,
        r#"(module (memory (export "memory") 1) (func (export "_start")))"#,
    );
    let run = |owner: u8| {
        let job = meterbox_sandbox::Job {
            owner: [owner; 32],
            ..meterbox_sandbox::Job::default()
        };
        let limits = unbounded();
        let ran = workers.run(&program, Arc::new(job), &limits, Arc::new(Nobody));
        assert_eq!(ran.unwrap().outcome, Outcome::Ok);
        let mut pids = workers.worker_pids();
        pids.sort_unstable();
        pids
    };
    let one = run(1);
    assert_eq!(run(1), one, "the same worker does the next job");
    let two = run(2);
    assert_eq!(two.len(), one.len() + 1, "another owner has another");
    assert_eq!(run(1), two);
    assert_eq!(run(2), two);
    // No more wait than settings say, whoever they are of.
    for owner in 3..20 {
        assert!(run(owner).len() <= worker_settings().idle_max);
    }
}

#[test]
fn what_a_guest_says_is_the_same_in_a_worker_however_much_it_is() {
    // `run` compares all that was heard in this process and in a worker.
    let text = r#"(component
        (type $of (enum "trace" "debug" "info" "warn" "error"))
        (import "meterbox:job/log@0.1.0" (instance $log
            (alias outer 1 $of (type $of0))
            (export "level" (type $level (eq $of0)))
            (export "log" (func (param "level" $level) (param "message" string)))))
        (core module $memory (memory (export "memory") 200))
        (core instance $memory (instantiate $memory))
        (core func $log (canon lower (func $log "log") (memory $memory "memory")))
        (core module $m
            (import "" "log" (func $log (param i32 i32 i32))) (import "" "memory" (memory 1))
            (func (export "run") (result i32)
                (memory.fill (i32.const 0) (i32.const 97) (i32.const 5000000))
                (call $log (i32.const 2) (i32.const 0) (i32.const 5000000))
                (memory.fill (i32.const 0) (i32.const 0) (i32.const 100))
                i32.const 0))
        (core instance $m (instantiate $m
            (with "" (instance (export "log" (func $log)) (export "memory" (memory $memory "memory"))))))
        (func (export "run") (result (result (error string)))
            (canon lift (core func $m "run") (memory $memory "memory"))))"#;
    let job = Job::text(text).limit(|limits| limits.log_bytes = 5_000_000);
    let done = job.run();
    done.is_ok();
    let heard: usize = done.heard.iter().map(String::len).sum();
    assert!(heard >= 5_000_000, "{heard}");
    job.limit(|limits| limits.log_bytes = 4_999_999)
        .run()
        .is_limited("log_bytes");
}
