//! One attempt to run a job in a runner, seen from the parent.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use meterbox_isolation::{ChannelError, FRAME_DESCRIPTORS_MAX, Worker};

use super::WorkerSettings;
use super::affinity::Peer;
use super::cache::Artefact;
use super::pool::{ENDING_TIME_MAX, Pool, Runner};
use super::relay::{End, Relay};
use super::runner::PROGRAMS_MAX;
use super::wire::{
    BATCH_BYTES, FromRunner, INLINE_BYTES_MAX, InputPart, Items, JobPart, Nonsense, Said, ToRunner,
    decode, encode, level_of,
};
use super::witness::Witness;
use crate::host::wide;
use crate::job::{Input, Job, Observer};
use crate::limits::Limits;
use crate::models::wire::{Answered, Ask};
use crate::outcome::{Fault, Measured, Outcome, Ran, Refusal};
use crate::run::{RunError, refused_before_start};
use crate::stop::{Stop, Stopper};

/// How often a stop and the clock on the wall are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long a runner may leave a message lying. It reads all the time, so it is stuck or stopped.
const SEND_TIME_MAX: Duration = Duration::from_secs(10);

/// What an attempt came to.
pub(super) enum Attempt {
    /// The run ended, or was refused, or the engine failed. The runner is ready for the next.
    Ended(Result<Box<Ran>, RunError>),
    /// It was killed, because it was to stop and did not.
    Killed(Box<Ran>),
    /// The engine or the models' process failed, and nobody knows what state the run is in.
    Failed(Fault),
    /// The run was refused in its midst.
    Refused(Refusal),
    /// The runner is gone, or does not do what it should.
    Died(String),
}

impl Attempt {
    /// Whether the runner may still be about its run.
    fn leaves_it_running(&self) -> bool {
        match self {
            Attempt::Ended(ended) => matches!(ended, Err(RunError::Fault(_))),
            Attempt::Killed(_) | Attempt::Failed(_) | Attempt::Refused(_) => true,
            // One that is gone says by itself how it has ended.
            Attempt::Died(reason) => !reason.is_empty(),
        }
    }
}

/// What observers have been told of a job so far, so that another attempt does not tell it again: what a
/// guest says is the same each time.
#[derive(Default)]
pub(super) struct Told {
    events: u64,
    stdout: u64,
    stderr: u64,
}

/// One attempt's side of it: what it has said so far.
#[derive(Default)]
struct Saying {
    events: u64,
    stdout: u64,
    stderr: u64,
}

impl Saying {
    /// Tells the observer what it has not been told yet. No run says more than it has paid for.
    fn tell(
        &mut self,
        told: &mut Told,
        order: &Order<'_>,
        said: Said<'static>,
    ) -> Result<(), Nonsense> {
        let Order {
            observer, limits, ..
        } = order;
        match said {
            Said::Stdout(bytes) => {
                if let Some(new) = unseen(&mut self.stdout, &mut told.stdout, &bytes) {
                    observer.stdout(new);
                }
            }
            Said::Stderr(bytes) => {
                if let Some(new) = unseen(&mut self.stderr, &mut told.stderr, &bytes) {
                    observer.stderr(new);
                }
            }
            other => {
                self.events += 1;
                if self.events <= told.events {
                    return Ok(());
                }
                told.events = self.events;
                match other {
                    Said::Log(level, message) => observer.log(level_of(level), &message),
                    Said::Progress(done, total, message) => {
                        observer.progress(done, total, &message);
                    }
                    Said::Refused(reason) => observer.refused(&reason),
                    Said::Stdout(_) | Said::Stderr(_) => {}
                }
            }
        }
        // A message is a line or a piece of one, and what is refused is a call.
        let events_max = [limits.log_bytes, limits.progress_events, limits.host_calls];
        let events_max = events_max
            .into_iter()
            .fold(limits.log_lines, u64::saturating_add);
        if self.stdout.saturating_add(self.stderr) > limits.bytes_out || self.events > events_max {
            return Err(Nonsense("a run says more than it may"));
        }
        Ok(())
    }
}

/// The part of `bytes`, which come after `said` others, that has not been told yet.
fn unseen<'b>(said: &mut u64, told: &mut u64, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let before = *said;
    *said = said.saturating_add(wide(bytes.len()));
    let skipped = usize::try_from(told.saturating_sub(before)).unwrap_or(usize::MAX);
    *told = (*told).max(*said);
    bytes.get(skipped..).filter(|new| !new.is_empty())
}

/// Everything that an attempt is given.
pub(super) struct Order<'o> {
    pub(super) pool: &'o Pool,
    pub(super) artefact: &'o Artefact,
    pub(super) job: &'o Job,
    pub(super) limits: &'o Limits,
    pub(super) observer: &'o dyn Observer,
    pub(super) stop: &'o Stop,
    pub(super) settings: &'o WorkerSettings,
    pub(super) began: Instant,
}

impl Order<'_> {
    /// Who stops the run, if it is to stop.
    pub(super) fn stopped(&self) -> Option<Stopper> {
        let is_over = |max| self.began.elapsed() > max;
        let time_is_up = self.settings.wall_time_max.is_some_and(is_over);
        let by_provider = time_is_up.then_some(Stopper::Provider);
        self.stop.requested().or(by_provider)
    }
}

impl From<Nonsense> for Attempt {
    fn from(nonsense: Nonsense) -> Attempt {
        Attempt::Died(format!("it does not make sense: {nonsense}"))
    }
}

impl From<ChannelError> for Attempt {
    fn from(error: ChannelError) -> Attempt {
        Attempt::Died(error.to_string())
    }
}

/// A failure of ours, which another attempt would not mend.
fn failed(fault: impl Into<Fault>) -> Attempt {
    Attempt::Ended(Err(fault.into().into()))
}

/// Runs the job in this runner, and waits.
pub(super) fn attempt(order: &Order<'_>, runner: &mut Runner, told: &mut Told) -> Attempt {
    match scratch(order.settings).map(Arc::new) {
        Ok(scratch) => match begin(order, runner, &scratch) {
            Ok(()) => wait(order, runner, told, &scratch),
            Err(attempt) => attempt,
        },
        Err(error) => failed(error),
    }
}

/// An unnamed file for what a run writes.
pub(super) fn scratch(settings: &WorkerSettings) -> std::io::Result<File> {
    match &settings.scratch {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            tempfile::tempfile_in(folder)
        }
        None => tempfile::tempfile(),
    }
}

pub(super) fn send(
    worker: &mut Worker,
    message: &ToRunner<'_>,
    files: &[BorrowedFd<'_>],
) -> Result<(), Attempt> {
    let bytes = encode(message).map_err(|reason| failed(Fault::Host(reason)))?;
    let deadline = Instant::now() + SEND_TIME_MAX;
    Ok(worker.channel().send(&bytes, files, Some(deadline))?)
}

/// Loads what the runner does not have, hands over the inputs, and lets it run.
fn begin(order: &Order<'_>, runner: &mut Runner, scratch: &File) -> Result<(), Attempt> {
    load(runner, order.artefact, false)?;
    let files = input_files(order).map_err(failed)?;
    let mut parts = Vec::new();
    let mut along = Vec::new();
    let mut bytes = 0;
    for (input, file) in order.job.inputs.iter().zip(&files) {
        let content = match file {
            InputFile::Inline(content) => Some(content.clone()),
            InputFile::Open(file) => {
                along.push(file.as_fd());
                None
            }
            InputFile::Spilled(file) => {
                along.push(file.as_fd());
                None
            }
        };
        bytes += input.name.len() + content.as_ref().map_or(0, Vec::len) + 64;
        parts.push(InputPart {
            name: Cow::Borrowed(&input.name),
            sha256: input.sha256,
            content,
        });
        if bytes >= BATCH_BYTES || along.len() >= FRAME_DESCRIPTORS_MAX {
            let message = ToRunner::Inputs(std::mem::take(&mut parts));
            send(&mut runner.worker, &message, &along)?;
            along.clear();
            bytes = 0;
        }
    }
    if !parts.is_empty() {
        send(&mut runner.worker, &ToRunner::Inputs(parts), &along)?;
    }
    let message = ToRunner::Run {
        program: order.artefact.id,
        number: runner.jobs,
        job: JobPart {
            arguments: Cow::Borrowed(&order.job.arguments),
            environment: Cow::Borrowed(&order.job.environment),
            seed: order.job.seed,
            clock_start_ns: order.job.clock_start_ns,
            device: order.job.device,
            replay_device: order.job.replay_device,
        },
        limits: *order.limits,
    };
    send(&mut runner.worker, &message, &[scratch.as_fd()])
}

/// Loads a program, unless the runner has it.
pub(super) fn load(
    runner: &mut Runner,
    artefact: &Artefact,
    is_answered: bool,
) -> Result<(), Attempt> {
    // The runner does the same, in the same order.
    if let Some(at) = runner.programs.iter().position(|id| *id == artefact.id) {
        runner.programs.remove(at);
    } else {
        if runner.programs.len() >= PROGRAMS_MAX {
            runner.programs.remove(0);
        }
        let message = ToRunner::Load {
            program: artefact.id,
            facts: artefact.facts,
            is_answered,
        };
        send(&mut runner.worker, &message, &[artefact.file.as_fd()])?;
    }
    runner.programs.push(artefact.id);
    Ok(())
}

enum InputFile<'i> {
    Inline(Vec<u8>),
    Open(&'i File),
    Spilled(File),
}

/// What stands for each input: its bytes if they are few, its file, or a file that they are put into.
fn input_files<'o>(order: &'o Order<'_>) -> Result<Vec<InputFile<'o>>, Fault> {
    let inputs = order.job.inputs.iter();
    inputs
        .map(|input| {
            input_file(input, order.settings).map_err(|error| {
                let name = &input.name;
                Fault::Host(format!("reading the input `{name}` failed: {error}"))
            })
        })
        .collect()
}

fn input_file<'i>(input: &'i Input, settings: &WorkerSettings) -> std::io::Result<InputFile<'i>> {
    let size = input.blob.size();
    if size <= INLINE_BYTES_MAX {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        input.blob.read_at(0, &mut bytes)?;
        return Ok(InputFile::Inline(bytes));
    }
    if let Some(file) = input.blob.file() {
        return Ok(InputFile::Open(file));
    }
    let mut file = scratch(settings)?;
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    while offset < size {
        let left = usize::try_from(size - offset).unwrap_or(usize::MAX);
        let piece = &mut buffer[..left.min(1 << 20)];
        input.blob.read_at(offset, piece)?;
        file.write_all(piece)?;
        offset += wide(piece.len());
    }
    Ok(InputFile::Spilled(super::cache::read_only(&file)?))
}

/// Where a stop stands.
enum Stopping {
    No,
    Asked { by: Stopper, since: Instant },
}

/// Waits until the run has ended, and gives back what it had of memory for tensors.
fn wait(order: &Order<'_>, runner: &mut Runner, told: &mut Told, scratch: &Arc<File>) -> Attempt {
    let seen = Relay::new(order).and_then(|relay| Ok((relay, Witness::of(order.job)?)));
    let (mut relay, witness) = match seen {
        Ok(seen) => seen,
        Err(fault) => return failed(fault),
    };
    let attempt = follow(order, runner, told, scratch, &mut relay, witness.as_ref());
    if attempt.leaves_it_running() {
        // What it still writes would stay in that memory.
        runner.worker.kill();
        // It is killed: that takes as long as the system needs. Should that be too long, no more than memory is lost.
        let _ = runner.worker.exit(Some(Instant::now() + ENDING_TIME_MAX));
    }
    attempt
}

/// Takes what the runner says until the run has ended, and looks after the clock and the stop.
fn follow(
    order: &Order<'_>,
    runner: &mut Runner,
    told: &mut Told,
    scratch: &Arc<File>,
    relay: &mut Relay<'_>,
    witness: Option<&Witness>,
) -> Attempt {
    let mut items = Items::new(order.limits);
    let mut saying = Saying::default();
    let mut stopping = Stopping::No;
    loop {
        match look(order, runner, stopping) {
            Ok(now) => stopping = now,
            Err(attempt) => return attempt,
        }
        let until = Some(Instant::now() + LOOK_EVERY);
        let frame = match runner.worker.channel().receive(until) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Attempt::Died(String::new()),
            Err(ChannelError::DeadlinePassed) => {
                // The run is busy by itself, wherever that is.
                relay.together().let_go();
                continue;
            }
            Err(error) => return error.into(),
        };
        let message = match decode::<FromRunner<'static>>(&frame.payload) {
            Ok(message) => message,
            Err(nonsense) => return nonsense.into(),
        };
        match message {
            FromRunner::Said(said) => {
                let tell = || saying.tell(told, order, said);
                if let Err(nonsense) = relay.together().as_found(tell) {
                    return nonsense.into();
                }
            }
            FromRunner::Items(more) => {
                if let Err(nonsense) = items.add(more, frame.payload.len()) {
                    return nonsense.into();
                }
            }
            FromRunner::Ended(Err(failure)) => {
                return match RunError::from(failure) {
                    // What is left of a failure must not be the next job's.
                    RunError::Fault(fault) => Attempt::Failed(fault),
                    refusal => Attempt::Ended(Err(refusal)),
                };
            }
            FromRunner::Ended(Ok(end)) => {
                if let Err(fault) = relay.settle() {
                    return Attempt::Failed(fault);
                }
                let memory_refusals = end.memory_refusals;
                let instantiate_time = Duration::from_nanos(end.instantiate_ns);
                let parts = end.parts(order.limits).and_then(|parts| {
                    let left = items.finish(scratch)?;
                    Ok((parts, left))
                });
                return match parts {
                    Ok(((outcome, measured), (outputs, transcript))) => {
                        Attempt::Ended(Ok(Box::new(Ran {
                            outcome,
                            measured,
                            outputs,
                            transcript,
                            memory_refusals,
                            instantiate_time,
                            profile: None,
                            engine: relay.engine(),
                        })))
                    }
                    Err(nonsense) => nonsense.into(),
                };
            }
            FromRunner::Asked(question) => {
                if let Err(attempt) = answer(relay, witness, question, runner) {
                    return attempt;
                }
            }
            FromRunner::Loaded(_) => return Nonsense("an answer that nobody asked for").into(),
        }
    }
}

/// Answers what a run asks of models.
fn answer(
    relay: &mut Relay<'_>,
    witness: Option<&Witness>,
    question: Ask,
    runner: &mut Runner,
) -> Result<(), Attempt> {
    let answered = match witness {
        Some(witness) => witness.answer(question, relay),
        None => relay.answer(question),
    };
    let answered = match answered {
        Ok(answered) => answered,
        Err(End::Stopped(by)) => Answered::Stopped(by),
        Err(End::Nonsense(nonsense)) => return Err(nonsense.into()),
        Err(End::Run(RunError::Fault(fault))) => return Err(Attempt::Failed(fault)),
        Err(End::Final(fault)) => return Err(failed(fault)),
        Err(End::Run(RunError::Refusal(refusal))) => return Err(Attempt::Refused(refusal)),
    };
    let file = match (witness, &answered) {
        (Some(witness), Answered::Exchange) => Some(witness.exchange()),
        (Some(_), _) => None,
        (None, _) => relay.file(),
    };
    let file = file.map(AsFd::as_fd);
    let files: Vec<_> = file.into_iter().collect();
    let message = ToRunner::Answered(answered);
    let bytes = encode(&message).map_err(|reason| failed(Fault::Host(reason)))?;
    let deadline = Instant::now() + SEND_TIME_MAX;
    let Runner { worker, peer, .. } = runner;
    let peer = peer.get_or_insert_with(|| Peer::second_of(worker.pid()));
    let send = || worker.channel().send(&bytes, &files, Some(deadline));
    Ok(relay.together().awaken(peer.as_mut(), send)?)
}

/// Asks the runner to stop if it is time to, and kills it if it does not.
fn look(order: &Order<'_>, runner: &Runner, stopping: Stopping) -> Result<Stopping, Attempt> {
    match (stopping, order.stopped()) {
        (Stopping::Asked { by, since }, _) => {
            if since.elapsed() <= order.settings.grace {
                return Ok(Stopping::Asked { by, since });
            }
            runner.worker.kill();
            Err(Attempt::Killed(Box::new(killed(order.limits, by))))
        }
        (Stopping::No, Some(by)) => Ok(ask(runner, by)),
        (Stopping::No, None) => Ok(Stopping::No),
    }
}

fn ask(runner: &Runner, by: Stopper) -> Stopping {
    runner.flag.raise(runner.jobs, by);
    let since = Instant::now();
    Stopping::Asked { by, since }
}

/// A run of which nothing could be counted.
fn killed(limits: &Limits, by: Stopper) -> Ran {
    let nothing = refused_before_start(limits);
    Ran {
        outcome: Outcome::Stopped { by, killed: true },
        measured: Measured {
            spent: meterbox_meter::Spent {
                instructions: 0,
                exhausted: None,
                ..nothing.measured.spent
            },
            ..nothing.measured
        },
        ..nothing
    }
}
