//! The parent of the workers: starts them, hands them work, and takes the place of those that die. Never
//! trusts what they say, and never runs or maps what they make.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use meterbox_isolation::{
    ChannelError, EXIT_PANICKED, Ending, Role, Standing, Worker, WorkerLimits, ZygoteError, verify,
};
use meterbox_meter::{Kind, Metered};

use super::affinity::Peer;
use super::attempt::{Attempt, Order, Told, attempt, load, send};
use super::cache::{Artefact, Cache};
use super::flag::Flag;
use super::shelf::{Shelf, ShelfSettings};
use super::wire::{Compile, Compiled, Facts, FromRunner, ToRunner, decode, encode};
use super::zygotes::{SCRATCH_BYTES_MAX, Zygotes};
use super::{REQUIRED, WorkerFinding, WorkerSettings, WorkerStartError};
use crate::engine::{Code, HOST_STACK_BYTES, NATIVE_STACK_BYTES, OptLevel, Program};
use crate::host::wide;
use crate::job::{Job, Observer};
use crate::limits::Limits;
use crate::locks::locked;
use crate::models::Device;
use crate::outcome::{Fault, Ran, Refusal};
use crate::run::{RunError, check_declared};
use crate::stop::Stop;

/// How often a job is tried whose worker dies.
const ATTEMPTS_MAX: usize = 3;

/// How long a runner may take to load a program.
const LOADING_TIME_MAX: Duration = Duration::from_secs(20);

/// How long a worker may take to end that has closed its end of the channel, or is killed.
pub(super) const ENDING_TIME_MAX: Duration = Duration::from_secs(20);

/// Jobs that one runner does: then a fresh one takes its place, so that whatever leaks is bounded.
const JOBS_MAX: u64 = 10_000;

/// Programs that are compiled at the same time. Each uses all cores that are free.
const COMPILERS_MAX: usize = 2;

/// Memory of a runner beside what a job's limits say: the engine, the program's tables, buffers, the
/// contents of small files.
const RUNNER_BYTES: u64 = 1 << 30;

/// A runner, and what the parent knows of it.
pub(super) struct Runner {
    pub(super) worker: Worker,
    /// The programs that it has loaded, the one that was used longest ago first.
    pub(super) programs: Vec<u64>,
    /// By which its runs are stopped.
    pub(super) flag: Flag,
    /// Jobs that it has done, and so the number of the next.
    pub(super) jobs: u64,
    /// The thread that its runs are on, once it was looked for.
    pub(super) peer: Option<Option<Peer>>,
    /// Whose jobs it does, once it had one.
    owner: Option<[u8; 32]>,
    data_bytes: u64,
}

/// The workers of one sandbox.
pub(crate) struct Pool {
    settings: WorkerSettings,
    opt_level: OptLevel,
    zygotes: Zygotes,
    idle: Mutex<Vec<Runner>>,
    busy: Mutex<Vec<u32>>,
    cache: Cache,
    compiling: Turns,
    programs: AtomicU64,
    shelf: Shelf,
}

/// Lets so many do something at once, and others wait: each compiler may take as much memory as settings say.
struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

struct Turn<'t>(&'t Turns);

impl Turns {
    fn new(at_once: usize) -> Turns {
        Turns {
            free: Mutex::new(at_once),
            freed: Condvar::new(),
        }
    }

    fn turn(&self) -> Turn<'_> {
        let mut free = locked(&self.free);
        while *free == 0 {
            free = self
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *locked(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

/// What a runner's process may use at most, whatever its jobs' limits are.
fn runner_limits() -> WorkerLimits {
    WorkerLimits {
        data_bytes: RUNNER_BYTES,
        data_bytes_max: u64::MAX / 2,
        // Its channel and streams, a thousand inputs, the scratch file, and programs.
        descriptors_max: 1_200,
        file_bytes_max: SCRATCH_BYTES_MAX,
        threads_max: 64,
    }
}

impl Pool {
    pub(crate) fn start(
        opt_level: OptLevel,
        settings: WorkerSettings,
    ) -> Result<Pool, WorkerStartError> {
        let zygotes = Zygotes::start(&settings, opt_level)?;
        let shelf = Shelf::new(ShelfSettings {
            model_bytes_max: settings.model_bytes_max,
            idle_max: settings.idle_max,
            answer_time_max: settings.inference_time_max,
        });
        let pool = Pool {
            cache: Cache::new(settings.cache.clone()),
            settings,
            opt_level,
            zygotes,
            idle: Mutex::default(),
            busy: Mutex::default(),
            compiling: Turns::new(COMPILERS_MAX),
            programs: AtomicU64::new(0),
            shelf,
        };
        if pool.zygotes.has_engine() {
            // An engine that cannot be opened is known before any job comes.
            let fork = |_, limits: &_| pool.fork_inference(pool.device(), limits);
            let begun = pool.shelf.begun(&fork, &|| None);
            begun.map_err(WorkerStartError::Engine)?;
        }
        let first = pool.fork_runner()?;
        for layer in REQUIRED {
            let standing = first.worker.report().standing(layer);
            if standing != Standing::Active {
                return Err(WorkerStartError::Layer {
                    layer,
                    reason: standing.why_not().unwrap_or_default(),
                });
            }
        }
        locked(&pool.idle).push(first);
        Ok(pool)
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    fn fork(&self, role: Role, limits: &WorkerLimits) -> Result<Worker, ZygoteError> {
        self.zygotes
            .fork(role, limits, || locked(&self.idle).clear())
    }

    /// What the engine that is set computes on.
    pub(crate) fn device(&self) -> Device {
        self.zygotes.device()
    }

    /// Whether models can be computed with on such a device.
    pub(super) fn has_device(&self, device: Device) -> bool {
        device == Device::Cpu || device == self.device()
    }

    /// A process that computes on this device.
    pub(super) fn fork_inference(
        &self,
        device: Device,
        limits: &WorkerLimits,
    ) -> Result<Worker, ZygoteError> {
        self.zygotes
            .fork_inference(device, limits, || locked(&self.idle).clear())
    }

    fn fork_runner(&self) -> Result<Runner, ZygoteError> {
        let limits = runner_limits();
        let (flag, readable) = Flag::new().map_err(ZygoteError::Refused)?;
        let mut runner = Runner {
            worker: self.fork(Role::Runner, &limits)?,
            programs: Vec::new(),
            flag,
            jobs: 0,
            peer: None,
            owner: None,
            data_bytes: limits.data_bytes,
        };
        // One that is gone already is noticed when it is given a job.
        let _ = send(&mut runner.worker, &ToRunner::Begin, &[readable.as_fd()]);
        Ok(runner)
    }

    /// A runner that waits and has had no job of another owner, best the one that has the program loaded;
    /// or a fresh one.
    fn take(&self, program: u64, owner: Option<[u8; 32]>) -> Result<Runner, ZygoteError> {
        let taken = {
            let mut idle = locked(&self.idle);
            let is_free = |runner: &Runner| runner.owner.is_none() || runner.owner == owner;
            let fitting = idle
                .iter()
                .rposition(|runner| is_free(runner) && runner.programs.contains(&program))
                .or_else(|| idle.iter().rposition(|runner| runner.owner == owner))
                .or_else(|| idle.iter().rposition(is_free));
            fitting.map(|at| idle.remove(at))
        };
        let mut runner = match taken {
            Some(runner) => runner,
            None => self.fork_runner()?,
        };
        runner.owner = runner.owner.or(owner);
        locked(&self.busy).push(runner.worker.pid());
        Ok(runner)
    }

    fn done_with(&self, pid: u32) {
        locked(&self.busy).retain(|busy| *busy != pid);
    }

    /// Keeps a runner for the next job, if it is not one too many, or too old.
    fn put_back(&self, mut runner: Runner) {
        self.done_with(runner.worker.pid());
        runner.jobs += 1;
        if runner.jobs >= JOBS_MAX {
            return;
        }
        let mut idle = locked(&self.idle);
        idle.push(runner);
        // The one that has waited longest makes room.
        let surplus = idle.len() > self.settings.idle_max;
        let ended = surplus.then(|| idle.remove(0));
        drop(idle);
        drop(ended);
    }

    pub(crate) fn models_computed(&self) -> Duration {
        self.shelf.computed()
    }

    pub(crate) fn models_loaded(&self) -> u64 {
        self.shelf.loaded()
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        let idle = locked(&self.idle);
        let busy = locked(&self.busy);
        idle.iter()
            .map(|runner| runner.worker.pid())
            .chain(busy.iter().copied())
            .chain(self.shelf.pids())
            .collect()
    }

    pub(crate) fn examine(&self) -> Result<Vec<WorkerFinding>, WorkerStartError> {
        [Role::Compiler, Role::Runner, Role::Inference]
            .into_iter()
            .map(|role| {
                let worker = self.fork(role, &runner_limits())?;
                let report = *worker.report();
                let verification = verify(worker.pid(), &report);
                Ok(WorkerFinding {
                    role,
                    report,
                    verification,
                })
            })
            .collect()
    }

    pub(crate) fn compile(&self, metered: Metered) -> Result<Program, RunError> {
        if let Some(file) = self.cache.find(&metered, self.opt_level) {
            match self.loaded(&metered, file) {
                // It was made for another machine, or by another build of the engine.
                Err(RunError::Refusal(Refusal::Engine(_))) => {}
                result => return result,
            }
        }
        let file = self.compile_anew(&metered)?;
        self.loaded(&metered, file)
    }

    /// The program of this artefact, once a runner has looked whether it can be run.
    fn loaded(&self, metered: &Metered, file: File) -> Result<Program, RunError> {
        let mut artefact = Artefact {
            id: self.programs.fetch_add(1, Ordering::Relaxed),
            file,
            facts: Facts::of(metered),
            is_command: false,
        };
        artefact.is_command = self.check(&artefact)?;
        Ok(Program {
            code: Code::Artefact(artefact),
            metered: Metered {
                bytes: Vec::new(),
                modules: metered.modules.clone(),
                ..*metered
            },
        })
    }

    /// Has a program compiled by a worker of its own, which ends with it.
    fn compile_anew(&self, metered: &Metered) -> Result<File, RunError> {
        let _turn = self.compiling.turn();
        let mut program = tempfile::tempfile().map_err(Fault::from)?;
        program.write_all(&metered.bytes).map_err(Fault::from)?;
        let draft = self
            .cache
            .draft(metered, self.opt_level)
            .map_err(Fault::from)?;
        let limits = WorkerLimits {
            data_bytes: self.settings.compile_bytes_max,
            data_bytes_max: self.settings.compile_bytes_max,
            file_bytes_max: self.settings.compile_bytes_max,
            ..WorkerLimits::default()
        };
        let mut worker = self.fork(Role::Compiler, &limits).map_err(unborn)?;
        let message = Compile {
            is_component: metered.kind == Kind::Component,
            bytes: wide(metered.bytes.len()),
        };
        let bytes = encode(&message).map_err(Fault::Host)?;
        let deadline = Some(Instant::now() + self.settings.compile_time_max);
        let files = [program.as_fd(), draft.file.as_fd()];
        let answered = worker
            .channel()
            .send(&bytes, &files, deadline)
            .and_then(|()| worker.channel().receive(deadline));
        let frame = match answered {
            Ok(Some(frame)) => frame,
            Err(ChannelError::DeadlinePassed) => {
                let seconds = self.settings.compile_time_max.as_secs();
                return Err(Refusal::Compiling(format!("{seconds} s")).into());
            }
            _ => {
                // It ended by itself: a refused allocation aborts it, which its process, the first of its
                // namespace, may show as a violation; or it was killed.
                let ending = worker.exit(Some(Instant::now() + ENDING_TIME_MAX));
                if let Ok(Ending::Killed { signal }) = ending
                    && SIGNALS_OF_EXHAUSTION.contains(&signal)
                {
                    let mebibytes = self.settings.compile_bytes_max >> 20;
                    let what = format!("{mebibytes} MiB of memory, or all of its stack");
                    return Err(Refusal::Compiling(what).into());
                }
                if let Ok(Ending::Exited { code }) = ending
                    && code == i32::from(EXIT_PANICKED)
                {
                    return Err(Refusal::Engine("its compiler gave up".into()).into());
                }
                let ending = ending.map_or_else(|error| error.to_string(), |end| end.to_string());
                return Err(Fault::Worker(format!("while it compiled: {ending}")).into());
            }
        };
        let sense = |error: super::wire::Nonsense| Fault::Worker(error.to_string());
        match decode::<Compiled>(&frame.payload).map_err(sense)? {
            Compiled::Done { bytes } => {
                // Nothing can write to the file any more, once it is dead.
                worker.kill();
                let _ = worker.exit(Some(Instant::now() + ENDING_TIME_MAX));
                Ok(draft.publish(bytes).map_err(Fault::from)?)
            }
            Compiled::Refused(refusal) => Err(refusal.into()),
            Compiled::Failed(reason) => Err(Fault::Worker(reason).into()),
        }
    }

    /// Has a runner look whether the program can be run: whether it is a command.
    fn check(&self, artefact: &Artefact) -> Result<bool, RunError> {
        let mut died = String::new();
        for _ in 0..ATTEMPTS_MAX {
            let mut runner = self.take(artefact.id, None).map_err(unborn)?;
            let pid = runner.worker.pid();
            let deadline = Some(Instant::now() + LOADING_TIME_MAX);
            let answered = load(&mut runner, artefact, true)
                .map(|()| runner.worker.channel().receive(deadline));
            let reason = match answered {
                Ok(Ok(Some(frame))) => match decode::<FromRunner<'static>>(&frame.payload) {
                    Ok(FromRunner::Loaded(loaded)) => {
                        self.put_back(runner);
                        return Ok(loaded?);
                    }
                    _ => "it did not load the program",
                },
                Ok(Err(ChannelError::DeadlinePassed)) => "it took too long to load the program",
                _ => "",
            };
            died = ending(&mut runner.worker, reason);
            self.done_with(pid);
        }
        Err(Fault::Worker(died).into())
    }

    pub(crate) fn run(
        &self,
        program: &Program,
        job: &Job,
        limits: &Limits,
        observer: &Arc<dyn Observer>,
        stop: &Stop,
    ) -> Result<Ran, RunError> {
        check_declared(program, limits)?;
        let Code::Artefact(artefact) = &program.code else {
            return Err(Fault::Host("the program was not compiled for workers".into()).into());
        };
        let order = Order {
            pool: self,
            artefact,
            job,
            limits,
            observer: &**observer,
            stop,
            settings: &self.settings,
            began: Instant::now(),
        };
        let mut told = Told::default();
        let mut fault = Fault::Worker(String::new());
        for _ in 0..ATTEMPTS_MAX {
            let mut runner = self.take(artefact.id, Some(job.owner)).map_err(unborn)?;
            let pid = runner.worker.pid();
            // A runner that died while it waited is noticed at once, and replaced.
            let attempt = match allow(&mut runner, limits) {
                Ok(()) => attempt(&order, &mut runner, &mut told),
                Err(reason) => Attempt::Died(reason),
            };
            match attempt {
                Attempt::Ended(Err(RunError::Fault(fault))) => {
                    // It may have been told a part of this job, which is not the next one's.
                    self.done_with(pid);
                    return Err(fault.into());
                }
                Attempt::Ended(ran) => {
                    self.put_back(runner);
                    return ran.map(|ran| *ran);
                }
                Attempt::Killed(ran) => {
                    self.done_with(pid);
                    return Ok(*ran);
                }
                Attempt::Refused(refusal) => {
                    self.done_with(pid);
                    return Err(refusal.into());
                }
                Attempt::Failed(failed) => {
                    fault = failed;
                    self.done_with(pid);
                }
                Attempt::Died(reason) => {
                    fault = Fault::Worker(ending(&mut runner.worker, &reason));
                    self.done_with(pid);
                }
            }
        }
        Err(fault.into())
    }
}

/// How a process ends that is refused memory or stack: by `SIGABRT`, or by `SIGSEGV`.
const SIGNALS_OF_EXHAUSTION: [i32; 2] = [6, 11];

/// Lets a runner have the memory that these limits take.
fn allow(runner: &mut Runner, limits: &Limits) -> Result<(), String> {
    let stack = wide(NATIVE_STACK_BYTES + HOST_STACK_BYTES);
    let data_bytes = RUNNER_BYTES
        .saturating_add(stack)
        // The guest's own memories, tensors that are held for it (N7), and a copy of a call's inputs.
        .saturating_add(limits.memory_bytes.saturating_mul(3))
        .min(runner_limits().data_bytes_max);
    if runner.data_bytes != data_bytes {
        runner
            .worker
            .set_data_bytes(data_bytes)
            .map_err(|error| error.to_string())?;
        runner.data_bytes = data_bytes;
    }
    Ok(())
}

/// How a worker has ended, and what it did that it should not have, for which it is ended.
pub(super) fn ending(worker: &mut Worker, reason: &str) -> String {
    // What has closed its end is about to end; what has not, is not going to by itself.
    let patience = if reason.is_empty() { 1_000 } else { 0 };
    let by_itself = worker.exit(Some(Instant::now() + Duration::from_millis(patience)));
    worker.kill();
    let ended = by_itself.or_else(|_| worker.exit(Some(Instant::now() + ENDING_TIME_MAX)));
    let ended = ended.map_or_else(|error| error.to_string(), |ending| ending.to_string());
    if reason.is_empty() {
        ended
    } else {
        format!("{reason}; it ended with {ended}")
    }
}

fn unborn(error: ZygoteError) -> RunError {
    Fault::Worker(format!("no worker can be started: {error}")).into()
}
