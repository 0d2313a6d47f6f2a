//! What the sandbox costs a job that does next to nothing: in a worker, in this process, beside the plain
//! engine and beside a native process. `cargo xtask bench sandbox`
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use meterbox_benches::Samples;
use meterbox_sandbox::{
    Job, Limits, Nobody, OptLevel, Outcome, Program, Sandbox, Stop, Stopper, WorkerSettings,
};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, Linker, Module, PoolingAllocationConfig, Store,
};

const WARM_UP: usize = 200;
const ROUNDS: usize = 3_000;
const STOPS: usize = 100;
const THROUGHPUT_TIME: Duration = Duration::from_secs(4);

/// A command that does one thing and ends.
const TRIVIAL: &str = r#"(module (memory (export "memory") 1)
    (data (i32.const 1024) "a page that has to be there")
    (func (export "_start") (i32.store (i32.const 0) (i32.const 1))))"#;

fn limits() -> Limits {
    Limits {
        instructions: 1_000_000_000,
        memory_bytes: 64 << 20,
        stack_units: 1 << 20,
        table_elements: 10_000,
        host_calls: 1_000_000,
        bytes_in: 1 << 20,
        bytes_out: 1 << 20,
        outputs: 10,
        files: 100,
        file_bytes: 1 << 20,
        folder_depth: 10,
        log_lines: 100,
        log_bytes: 1 << 20,
        progress_events: 100,
        handles: 100,
        model_bytes: 0,
        inference_ops: 0,
        inference_weight_bytes: 0,
        inference_tensor_bytes: 0,
    }
}

/// A sandbox, and the programs that it runs.
struct Place {
    name: &'static str,
    sandbox: Sandbox,
    programs: Vec<Program>,
    times: Vec<Samples>,
    instantiated: Vec<Samples>,
}

impl Place {
    fn new(name: &'static str, sandbox: Sandbox, programs: &[Vec<u8>]) -> Place {
        let programs: Vec<Program> = programs
            .iter()
            .map(|bytes| {
                sandbox
                    .compile(meterbox_meter::meter(bytes).unwrap())
                    .unwrap()
            })
            .collect();
        Place {
            name,
            sandbox,
            times: vec![Samples::default(); programs.len()],
            instantiated: vec![Samples::default(); programs.len()],
            programs,
        }
    }

    /// How long creating its instances took.
    fn run(&self, program: usize) -> Duration {
        let ran = self
            .sandbox
            .run(
                &self.programs[program],
                Arc::new(Job::default()),
                &limits(),
                Arc::new(Nobody),
            )
            .unwrap();
        assert_eq!(ran.outcome, Outcome::Ok);
        black_box(ran).instantiate_time
    }
}

/// The same command by the engine alone: neither metered nor limited.
struct Plain {
    engine: Engine,
    pre: wasmtime::InstancePre<()>,
}

impl Plain {
    fn new(pooling: bool) -> Plain {
        let mut config = Config::new();
        if pooling {
            let pool = PoolingAllocationConfig::new();
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, wat::parse_str(TRIVIAL).unwrap()).unwrap();
        let pre = Linker::new(&engine).instantiate_pre(&module).unwrap();
        Plain { engine, pre }
    }

    fn run(&self) {
        let mut store = Store::new(&self.engine, ());
        let instance = self.pre.instantiate(&mut store).unwrap();
        let start = instance
            .get_typed_func::<(), ()>(&mut store, "_start")
            .unwrap();
        start.call(&mut store, ()).unwrap();
    }
}

fn workers() -> Sandbox {
    let settings = WorkerSettings {
        arguments: vec!["worker".into()],
        ..WorkerSettings::new(std::env::current_exe().unwrap())
    };
    Sandbox::with_workers(OptLevel::Speed, settings).unwrap()
}

fn time(samples: &mut Samples, act: impl FnOnce()) {
    let began = Instant::now();
    act();
    samples.push(began.elapsed());
}

fn print(name: &str, samples: &Samples) {
    println!(
        "  {name:58} {:>8.1} µs {:>8.1} µs",
        samples.percentile(50).as_secs_f64() * 1e6,
        samples.percentile(99).as_secs_f64() * 1e6
    );
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        if let Err(reason) = meterbox_sandbox::serve_as_worker(std::env::args()) {
            eprintln!("{reason}");
        }
        return;
    }
    let programs = [
        wat::parse_str(TRIVIAL).unwrap(),
        std::fs::read(meterbox_tests::hello()).unwrap(),
    ];
    let names = ["a trivial command", "a component (hello, guest SDK)"];
    let mut places = [
        Place::new("in a worker", workers(), &programs),
        Place::new(
            "in this process",
            Sandbox::new(OptLevel::Speed).unwrap(),
            &programs,
        ),
    ];
    let plains = [
        (
            "the engine alone, a trivial command, on demand",
            Plain::new(false),
        ),
        (
            "the engine alone, a trivial command, pooling",
            Plain::new(true),
        ),
    ];
    let mut plain_times = vec![Samples::default(); plains.len()];
    let mut native = Samples::default();
    for round in 0..WARM_UP + ROUNDS {
        // They take turns, so that what disturbs the machine disturbs all.
        let mut kept = round >= WARM_UP;
        for place in &mut places {
            for program in 0..programs.len() {
                let mut times = std::mem::take(&mut place.times[program]);
                let mut instantiated = Duration::ZERO;
                time(&mut times, || instantiated = place.run(program));
                place.times[program] = if kept { times } else { Samples::default() };
                if kept {
                    place.instantiated[program].push(instantiated);
                }
            }
        }
        for ((_, plain), times) in plains.iter().zip(&mut plain_times) {
            time(times, || plain.run());
        }
        kept &= round % 10 == 0;
        if kept {
            time(&mut native, || {
                let mut command = Command::new("/bin/true");
                command.stdin(Stdio::null()).stdout(Stdio::null());
                assert!(command.status().unwrap().success());
            });
        }
    }
    println!("from submitting a job to its result, warm, {ROUNDS} rounds         p50         p99");
    for place in &places {
        for (name, times) in names.iter().zip(&place.times) {
            print(&format!("{name}, {}", place.name), times);
        }
    }
    for ((name, _), times) in plains.iter().zip(&plain_times) {
        print(name, times);
    }
    for place in &places {
        for (name, times) in names.iter().zip(&place.instantiated) {
            print(
                &format!("  of it, creating instances: {name}, {}", place.name),
                times,
            );
        }
    }
    print("fork and exec of a native program (/bin/true)", &native);
    stopping(&places[0].sandbox);
    throughput(&places[0]);
    resident(&places[0].sandbox);
}

/// How long a run goes on that is to stop: one that calls the host, and one that only computes.
fn stopping(sandbox: &Sandbox) {
    let calls = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (loop (drop (call $yield)) (br 0))))"#;
    let spins = r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;
    let unbounded = Limits {
        instructions: 1 << 60,
        host_calls: u64::MAX,
        ..limits()
    };
    for (name, text) in [("calls the host", calls), ("calls nothing", spins)] {
        let metered = meterbox_meter::meter(&wat::parse_str(text).unwrap()).unwrap();
        let program = sandbox.compile(metered).unwrap();
        let mut times = Samples::default();
        for _ in 0..STOPS {
            let stop = Stop::new();
            std::thread::scope(|scope| {
                let running = scope.spawn(|| {
                    let (job, nobody) = (Arc::new(Job::default()), Arc::new(Nobody));
                    sandbox
                        .run_until(&program, job, &unbounded, nobody, &stop)
                        .unwrap();
                    Instant::now()
                });
                std::thread::sleep(Duration::from_millis(20));
                let requested = Instant::now();
                stop.request(Stopper::Requestor);
                times.push(running.join().unwrap() - requested);
            });
        }
        print(
            &format!("from the request to stop to the end, a guest that {name}"),
            &times,
        );
    }
}

/// Trivial jobs a second, from as many threads as there are cores, and twice as many.
fn throughput(place: &Place) {
    let cores = std::thread::available_parallelism().unwrap().get();
    for threads in [1, cores, 2 * cores] {
        let done = AtomicUsize::new(0);
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while began.elapsed() < THROUGHPUT_TIME {
                        place.run(0);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let a_second = done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        println!(
            "trivial jobs a second in workers, {threads} at once on {cores} cores: {a_second:.0}"
        );
    }
}

/// What each idle worker has in memory that it does not share.
fn resident(sandbox: &Sandbox) {
    for pid in sandbox.worker_pids() {
        let Ok(rollup) = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
            println!("what a worker has in memory cannot be read: run this as root");
            return;
        };
        let kib = |name: &str| -> u64 {
            rollup
                .lines()
                .find(|line| line.starts_with(name))
                .and_then(|line| line.split_whitespace().nth(1))
                .and_then(|number| number.parse().ok())
                .unwrap_or(0)
        };
        println!(
            "an idle worker: {} KiB resident, of which {} KiB are its own",
            kib("Rss:"),
            kib("Private_Clean:") + kib("Private_Dirty:")
        );
    }
}
