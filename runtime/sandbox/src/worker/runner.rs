//! What a runner does: it loads programs that it is handed, and runs one job after the other. It opens
//! nothing itself.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use meterbox_isolation::Channel;
use serde::Serialize;

use super::wire::{
    BATCH_BYTES, End, Facts, Failure, FromRunner, InputPart, Item, JobPart, Nonsense, Said,
    ToRunner, decode, encode, level_number,
};
use crate::engine::{InProcess, Program};
use crate::files::ChunkRun;
use crate::job::{FileBlob, Input, Job, LogLevel, Observer};
use crate::limits::Limits;
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
            self.say(Said::Stdout(Cow::Borrowed(piece)));
        }
    }

    fn stderr(&self, bytes: &[u8]) {
        for piece in bytes.chunks(SAID_BYTES_MAX) {
            self.say(Said::Stderr(Cow::Borrowed(piece)));
        }
    }
}

struct Runner<'e> {
    engine: &'e InProcess,
    out: Arc<Out>,
    programs: VecDeque<(u64, Result<Arc<Program>, Refusal>)>,
    inputs: Vec<Input>,
    /// The stop of the run that is under way, if one is.
    running: Arc<Mutex<Option<Stop>>>,
    /// Set by a run's thread when it could not tell the parent how it ended.
    is_cut_off: Arc<AtomicBool>,
}

/// Works until the parent is gone.
pub(super) fn work(engine: &InProcess, mut channel: Channel) -> u8 {
    let Ok(out) = channel.sender() else {
        return PARENT_GONE;
    };
    let mut runner = Runner {
        engine,
        out: Arc::new(Out(out)),
        programs: VecDeque::new(),
        inputs: Vec::new(),
        running: Arc::default(),
        is_cut_off: Arc::default(),
    };
    std::thread::scope(|scope| {
        loop {
            let frame = match channel.receive(None) {
                Ok(Some(frame)) => frame,
                Ok(None) => return DONE,
                Err(_) => return PARENT_GONE,
            };
            if runner.is_cut_off.load(Ordering::Relaxed) {
                return PARENT_GONE;
            }
            let Ok(message) = decode::<ToRunner<'static>>(&frame.payload) else {
                return NONSENSE;
            };
            if runner.take(scope, message, frame.descriptors).is_err() {
                return NONSENSE;
            }
        }
    })
}

impl<'e> Runner<'e> {
    fn take<'s>(
        &mut self,
        scope: &'s std::thread::Scope<'s, 'e>,
        message: ToRunner<'static>,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), Nonsense> {
        let mut files = descriptors.into_iter().map(File::from);
        match message {
            ToRunner::Load {
                program,
                facts,
                is_answered,
            } => {
                let artefact = files.next().ok_or(Nonsense("a program has no artefact"))?;
                let loaded = self.load(program, facts, artefact);
                if is_answered {
                    let _ = self.out.send(&FromRunner::Loaded(loaded));
                }
            }
            ToRunner::Inputs(parts) => {
                for part in parts {
                    self.inputs.push(input(part, &mut files)?);
                }
            }
            ToRunner::Run {
                program,
                job,
                limits,
            } => {
                let job = self.job(job, files.next());
                self.run(scope, program, job, limits)?;
            }
            ToRunner::Stop(by) => {
                let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(stop) = running.as_ref() {
                    stop.request(by);
                }
            }
        }
        Ok(())
    }

    fn load(&mut self, program: u64, facts: Facts, artefact: File) -> Result<bool, Refusal> {
        if self.programs.len() >= PROGRAMS_MAX {
            self.programs.pop_front();
        }
        // SAFETY: the parent hands over what a compiler of this same program has made, open for
        // reading only, and the only file that the parent or anybody else could change it by is
        // closed.
        let loaded = unsafe { self.engine.load(facts.metered(), artefact) }.map(Arc::new);
        let answer = match &loaded {
            Ok(program) => Ok(program.is_command()),
            Err(refusal) => Err(refusal.clone()),
        };
        self.programs.push_back((program, loaded));
        answer
    }

    fn job(&mut self, part: JobPart<'static>, scratch: Option<File>) -> Job {
        Job {
            arguments: part.arguments.into_owned(),
            environment: part.environment.into_owned(),
            seed: part.seed,
            clock_start_ns: part.clock_start_ns,
            inputs: std::mem::take(&mut self.inputs),
            scratch: scratch.map(Arc::new),
        }
    }

    fn run<'s>(
        &mut self,
        scope: &'s std::thread::Scope<'s, 'e>,
        program: u64,
        job: Job,
        limits: Limits,
    ) -> Result<(), Nonsense> {
        let at = self.programs.iter().position(|(id, _)| *id == program);
        let Some((id, loaded)) = at.and_then(|at| self.programs.remove(at)) else {
            return Err(Nonsense("a program was not loaded"));
        };
        let found = match &loaded {
            Ok(program) => Ok(Arc::clone(program)),
            Err(refusal) => Err(refusal.clone()),
        };
        self.programs.push_back((id, loaded));
        let stop = Stop::new();
        {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            if running.replace(stop.clone()).is_some() {
                return Err(Nonsense("two jobs at once"));
            }
        }
        let engine = self.engine;
        let out = Arc::clone(&self.out);
        let running = Arc::clone(&self.running);
        let is_cut_off = Arc::clone(&self.is_cut_off);
        let work = move || {
            let observer = Arc::new(Speaker(Arc::clone(&out)));
            let ran = found.map_err(RunError::from).and_then(|program| {
                engine.run_here(&program, Arc::new(job), &limits, observer, &stop)
            });
            // From here on the parent may send the next job.
            running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if tell(&out, ran).is_err() {
                is_cut_off.store(true, Ordering::Relaxed);
            }
        };
        let spawned = crate::run::thread().spawn_scoped(scope, work);
        if spawned.is_err() {
            self.running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let failed = Failure::Host("a run's thread could not be started".into());
            let _ = self.out.send(&FromRunner::Ended(Err(failed)));
        }
        Ok(())
    }
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
    let end = End::of(ran.outcome, &ran.measured, ran.memory_refusals);
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
