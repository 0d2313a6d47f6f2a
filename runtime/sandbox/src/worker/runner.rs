//! What a runner does: it loads programs that it is handed, and runs one job after the other. It opens
//! nothing itself.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use meterbox_isolation::{Channel, ChannelError, Frame};
use serde::Serialize;

use super::flag::Flag;
use super::wire::{
    BATCH_BYTES, End, Facts, FromRunner, InputPart, Item, JobPart, Nonsense, Said, ToRunner,
    decode, encode, level_number,
};
use crate::engine::{InProcess, NATIVE_STACK_BYTES, Program};
use crate::files::ChunkRun;
use crate::job::{FileBlob, Input, Job, LogLevel, Observer};
use crate::limits::Limits;
use crate::locks::locked;
use crate::models::remote::{Line, Reads, Remote};
use crate::models::wire::{Answered, Ask};
use crate::outcome::{Ran, Refusal};
use crate::run::RunError;
use crate::stop::Stop;

/// Programs that a runner keeps loaded: their code is shared with others, what they need beside it is
/// not.
pub(super) const PROGRAMS_MAX: usize = 8;

/// Bytes of an observer's text that travel in one message.
const SAID_BYTES_MAX: usize = 1 << 20;

/// Exit codes that say why a runner has ended.
const DONE: u8 = 0;
const NONSENSE: u8 = 3;
const PARENT_GONE: u8 = 4;
const NO_THREAD: u8 = 5;
const PANICKED: u8 = 6;

/// The way to the parent.
struct Out(Channel);

impl Out {
    fn send(&self, message: &FromRunner<'_>) -> Result<(), String> {
        self.send_encoded(message)
    }

    fn send_encoded(&self, message: &impl Serialize) -> Result<(), String> {
        let bytes = encode(message)?;
        self.0
            .send(&bytes, &[], None)
            .map_err(|error| error.to_string())
    }
}

/// Passes on what a guest says. A parent that is gone is noticed elsewhere.
struct Speaker(Arc<Out>);

impl Speaker {
    fn say(&self, said: Said<'_>) {
        let _ = self.0.send(&FromRunner::Said(said));
    }
}

impl Observer for Speaker {
    fn log(&self, level: LogLevel, message: &str) {
        self.say(Said::Log(level_number(level), Cow::Borrowed(message)));
    }

    fn progress(&self, done: u64, total: u64, message: &str) {
        self.say(Said::Progress(done, total, Cow::Borrowed(message)));
    }

    fn refused(&self, reason: &str) {
        self.say(Said::Refused(Cow::Borrowed(reason)));
    }

    fn stdout(&self, bytes: &[u8]) {
        for piece in bytes.chunks(SAID_BYTES_MAX) {
            self.say(Said::Stdout(Cow::Borrowed(piece.into())));
        }
    }

    fn stderr(&self, bytes: &[u8]) {
        for piece in bytes.chunks(SAID_BYTES_MAX) {
            self.say(Said::Stderr(Cow::Borrowed(piece.into())));
        }
    }
}

/// The way by which a run asks of models: while it waits, nothing else comes from the parent.
struct ParentLine {
    channel: Arc<Mutex<Channel>>,
    out: Arc<Out>,
}

impl Line for ParentLine {
    fn ask(&self, ask: &Ask) -> Result<(), String> {
        self.out.send_encoded(&FromRunner::Asked(ask.clone()))
    }

    fn answer_within(&self, time: Duration) -> Result<Option<(Answered, Option<File>)>, String> {
        if time.is_zero() {
            return Ok(None);
        }
        match locked(&self.channel).receive(Some(Instant::now() + time)) {
            Err(ChannelError::DeadlinePassed) => Ok(None),
            received => answered(received).map(Some),
        }
    }

    fn answer(&self) -> Result<(Answered, Option<File>), String> {
        answered(locked(&self.channel).receive(None))
    }
}

/// The answer in a frame, with the file that came along.
fn answered(
    received: Result<Option<Frame>, ChannelError>,
) -> Result<(Answered, Option<File>), String> {
    let frame = received.map_err(|error| error.to_string())?;
    let frame = frame.ok_or("the parent is gone")?;
    let file = frame.descriptors.into_iter().next().map(File::from);
    match decode::<ToRunner<'static>>(&frame.payload).map_err(|error| error.to_string())? {
        ToRunner::Answered(answered) => Ok((answered, file)),
        _ => Err("the parent says something else".into()),
    }
}

/// A program as it was handed over, and as it was loaded so far.
struct Loaded {
    id: u64,
    facts: Facts,
    artefact: File,
    pooled: Option<Arc<Program>>,
    on_demand: Option<Arc<Program>>,
}

impl Loaded {
    /// The program, ready for a run under these limits, and the engine that it is ready for.
    fn ready<'e>(
        &mut self,
        runner: &Engines<'e>,
        limits: &Limits,
    ) -> Result<(&'e InProcess, Arc<Program>), Refusal> {
        if let Some(program) = self.pooled.as_ref().filter(|one| one.fits_pool(limits)) {
            return Ok((runner.pooled, Arc::clone(program)));
        }
        let program = match &self.on_demand {
            Some(program) => program,
            None => {
                let program = load(runner.on_demand, self.facts, &self.artefact)?;
                self.on_demand.insert(Arc::new(program))
            }
        };
        Ok((runner.on_demand, Arc::clone(program)))
    }
}

struct Engines<'e> {
    pooled: &'e InProcess,
    on_demand: &'e InProcess,
}

struct Runner<'e> {
    engines: Engines<'e>,
    channel: Arc<Mutex<Channel>>,
    out: Arc<Out>,
    flag: Option<Arc<Flag>>,
    programs: VecDeque<Loaded>,
    inputs: Vec<Input>,
}

/// Works until the parent is gone, on a thread that has the stack that guest code may use.
pub(super) fn work(pooled: &InProcess, on_demand: &InProcess, channel: Channel) -> u8 {
    std::thread::scope(|scope| {
        let engines = Engines { pooled, on_demand };
        let working = crate::run::thread().spawn_scoped(scope, || work_here(engines, channel));
        match working.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(code)) => code,
            Ok(Err(_)) => PANICKED,
            Err(_) => NO_THREAD,
        }
    })
}

fn work_here(engines: Engines<'_>, channel: Channel) -> u8 {
    let Ok(out) = channel.sender() else {
        return PARENT_GONE;
    };
    let channel = Arc::new(Mutex::new(channel));
    let mut runner = Runner {
        engines,
        channel: Arc::clone(&channel),
        out: Arc::new(Out(out)),
        flag: None,
        programs: VecDeque::new(),
        inputs: Vec::new(),
    };
    loop {
        let received = locked(&channel).receive(None);
        let frame = match received {
            Ok(Some(frame)) => frame,
            Ok(None) => return DONE,
            Err(_) => return PARENT_GONE,
        };
        let Ok(message) = decode::<ToRunner<'static>>(&frame.payload) else {
            return NONSENSE;
        };
        match runner.take(message, frame.descriptors) {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return PARENT_GONE,
            Err(Nonsense(_)) => return NONSENSE,
        }
    }
}

impl Runner<'_> {
    /// Does what the parent says. What comes back is whether that made sense, and whether the parent is
    /// still there.
    fn take(
        &mut self,
        message: ToRunner<'static>,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Result<(), String>, Nonsense> {
        let mut files = descriptors.into_iter().map(File::from);
        match message {
            ToRunner::Begin => {
                let file = files.next().ok_or(Nonsense("there is no flag"))?;
                let flag = Flag::open(&file).map_err(|_| Nonsense("the flag is none"))?;
                self.flag = Some(Arc::new(flag));
            }
            ToRunner::Load {
                program,
                facts,
                is_answered,
            } => {
                let artefact = files.next().ok_or(Nonsense("a program has no artefact"))?;
                let loaded = self.load(program, facts, artefact);
                if is_answered {
                    return Ok(self.out.send(&FromRunner::Loaded(loaded)));
                }
            }
            ToRunner::Inputs(parts) => {
                for part in parts {
                    self.inputs.push(input(part, &mut files)?);
                }
            }
            ToRunner::Run {
                program,
                number,
                job,
                limits,
            } => {
                let job = self.job(job, files.next());
                let ran = self.run(program, number, job, &limits)?;
                // Nothing of a job stays for the next: not its stack either.
                release_stack();
                return Ok(tell(&self.out, ran));
            }
            ToRunner::Answered(_) => return Err(Nonsense("an answer to no question")),
        }
        Ok(Ok(()))
    }

    /// Loads a program into the pool's engine, or else into the other. Whether it is a command.
    fn load(&mut self, id: u64, facts: Facts, artefact: File) -> Result<bool, Refusal> {
        if self.programs.len() >= PROGRAMS_MAX {
            self.programs.pop_front();
        }
        let mut loaded = Loaded {
            id,
            facts,
            // What is too large for the pool is no refusal yet.
            pooled: load(self.engines.pooled, facts, &artefact)
                .ok()
                .map(Arc::new),
            artefact,
            on_demand: None,
        };
        let is_command = match &loaded.pooled {
            Some(program) => Ok(program.is_command()),
            None => loaded
                .ready(&self.engines, &Limits::NOTHING)
                .map(|(_, program)| program.is_command()),
        };
        self.programs.push_back(loaded);
        is_command
    }

    fn job(&mut self, part: JobPart<'static>, scratch: Option<File>) -> Job {
        Job {
            arguments: part.arguments.into_owned(),
            environment: part.environment.into_owned(),
            seed: part.seed,
            clock_start_ns: part.clock_start_ns,
            inputs: std::mem::take(&mut self.inputs),
            owner: [0; 32],
            device: part.device,
            replay_device: part.replay_device,
            public_models: BTreeSet::new(),
            calls: None,
            scratch: scratch.map(Arc::new),
        }
    }

    fn run(
        &mut self,
        id: u64,
        number: u64,
        job: Job,
        limits: &Limits,
    ) -> Result<Result<Ran, RunError>, Nonsense> {
        let at = self.programs.iter().position(|loaded| loaded.id == id);
        let mut loaded = at
            .and_then(|at| self.programs.remove(at))
            .ok_or(Nonsense("a program was not loaded"))?;
        let flag = self.flag.as_ref().ok_or(Nonsense("there is no flag"))?;
        let stop = Stop::by_flag(Arc::clone(flag), number);
        let ready = loaded.ready(&self.engines, limits);
        self.programs.push_back(loaded);
        let observer = Arc::new(Speaker(Arc::clone(&self.out)));
        let line = Arc::new(ParentLine {
            channel: Arc::clone(&self.channel),
            out: Arc::clone(&self.out),
        });
        let models = Arc::new(Remote::new(line, &job.inputs, Reads::There));
        Ok(ready.map_err(RunError::from).and_then(|(engine, program)| {
            engine.run_here(&program, Arc::new(job), limits, observer, &stop, models)
        }))
    }
}

fn load(engine: &InProcess, facts: Facts, artefact: &File) -> Result<Program, Refusal> {
    let artefact = artefact
        .try_clone()
        .map_err(|error| Refusal::Engine(error.to_string()))?;
    // SAFETY: the parent hands over what a compiler of this same program has made, open for reading
    // only, and the only file that the parent or anybody else could change it by is closed.
    unsafe { engine.load(facts.metered(), artefact) }
}

/// Stack below the current frame that is kept: what the host's own code uses.
const KEPT_STACK_BYTES: usize = 512 << 10;

/// Gives back the memory of the stack that a guest may have used: a deep recursion must not stay with an
/// idle runner.
fn release_stack() {
    let here = 0u8;
    let top = std::ptr::from_ref(&here).addr() - KEPT_STACK_BYTES;
    let page = 4096;
    let end = top / page * page;
    // This thread's stack has that much for guests, and some for the host, of which little is in use.
    let start = (end - NATIVE_STACK_BYTES) / page * page;
    let start = std::ptr::with_exposed_provenance_mut::<std::ffi::c_void>(start);
    // SAFETY: the range lies within this thread's own stack, whose size `run::thread` has set, below all
    // frames that are there: what it held is never read again.
    let _ = unsafe {
        rustix::mm::madvise(start, NATIVE_STACK_BYTES, rustix::mm::Advice::LinuxDontNeed)
    };
}

/// Tells the parent how a run ended, in as many frames as that takes.
fn tell(out: &Out, ran: Result<Ran, RunError>) -> Result<(), String> {
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => return out.send(&FromRunner::Ended(Err(error.into()))),
    };
    let mut batch = Batch::default();
    for call in ran.transcript {
        let bytes = call
            .inputs
            .iter()
            .chain(&call.outputs)
            .map(|(name, _)| name.len() + 40)
            .sum::<usize>();
        batch.add(out, Item::Call(call.into()), bytes + 100)?;
    }
    for output in ran.outputs {
        let item = Item::Output {
            name: output.name,
            sha256: output.sha256,
            bytes: output.bytes,
        };
        batch.add(out, item, 320)?;
        for run in output.content.into_runs() {
            let bytes = match &run {
                ChunkRun::Bytes(bytes) => bytes.len() + 16,
                ChunkRun::Zeros(_) | ChunkRun::Scratch(..) => 16,
            };
            batch.add(out, Item::Chunks(run), bytes)?;
        }
    }
    batch.flush(out)?;
    let mut end = End::of(ran.outcome, &ran.measured);
    end.memory_refusals = ran.memory_refusals;
    end.instantiate_ns = u64::try_from(ran.instantiate_time.as_nanos()).unwrap_or(u64::MAX);
    out.send(&FromRunner::Ended(Ok(end)))
}

/// Items that are yet to be sent.
#[derive(Default)]
struct Batch {
    items: Vec<Item>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, out: &Out, item: Item, bytes: usize) -> Result<(), String> {
        self.items.push(item);
        self.bytes += bytes;
        if self.bytes >= BATCH_BYTES {
            self.flush(out)?;
        }
        Ok(())
    }

    fn flush(&mut self, out: &Out) -> Result<(), String> {
        if self.items.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        out.send(&FromRunner::Items(std::mem::take(&mut self.items)))
    }
}

fn input(
    part: InputPart<'static>,
    files: &mut impl Iterator<Item = File>,
) -> Result<Input, Nonsense> {
    let blob: Arc<dyn crate::job::Blob> = match part.content {
        Some(content) => Arc::new(content),
        None => {
            let file = files.next().ok_or(Nonsense("an input has no file"))?;
            let file = FileBlob::new(file).map_err(|_| Nonsense("an input has no size"))?;
            Arc::new(file)
        }
    };
    Ok(Input {
        name: part.name.into_owned(),
        sha256: part.sha256,
        blob,
    })
}
