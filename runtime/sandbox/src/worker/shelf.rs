//! The inference workers of one sandbox: whose models are in which process, and what is asked of one. Starts
//! them, has each do one thing at a time, and takes the place of those that die or hang.
//!
//! A model is a stranger's, and whoever reads it may be taken over by it. So each owner has a process of its
//! own, and a model that its owner lets others use has one for itself: a digest is a name, not a key.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use meterbox_isolation::{ChannelError, Ending, Role, Worker, WorkerLimits, ZygoteError};

use super::InferenceEngine;
use super::affinity::{HELD_MAX, Peer, Together};
use super::pool::ending;
use super::wire::{FromInference, ToInference, decode, encode};
use crate::locks::locked;
use crate::models::Device;
use crate::outcome::Fault;
use crate::stop::Stopper;

/// Whose models a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shelved {
    /// This owner's, on this device.
    Owner(Device, [u8; 32]),
    /// This one model, on this device, which anybody may use.
    Public(Device, [u8; 32]),
}

impl Shelved {
    pub(super) fn device(self) -> Device {
        let (Shelved::Owner(device, _) | Shelved::Public(device, _)) = self;
        device
    }
}

/// Memory of an inference worker beside what its models take: a call's values, and copies of inputs.
const WORKING_BYTES: u64 = 8 << 30;

/// How much more than its bytes a model takes once it is loaded: as constants, and as the plans that are
/// made of it.
const MODEL_TIMES: u64 = 8;

/// How long a worker may leave a message lying. It reads all the time, so it is stuck or stopped.
const SEND_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a process may take to open its engine: a GPU's driver takes seconds.
const BEGIN_TIME_MAX: Duration = Duration::from_secs(60);

/// How often it is looked whether whoever waits has to stop.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Why a model cannot be run by a library whose process ended with [`Ending::is_by_division`].
const DIVISION: &str =
    "the engine cannot run the model so: it divides the lowest whole number by -1";

/// Why something that was asked has no answer.
pub(super) enum Unanswered {
    /// Whoever asks is to stop.
    Stopped(Stopper),
    /// The process failed.
    Fault(Fault),
    /// It took too long, as it would again.
    TooLong(Fault),
    /// It cannot compute that, and would not another time.
    Unable(String),
}

/// What bounds inference workers.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShelfSettings {
    /// Bytes of models, as files, that one process keeps.
    pub(super) model_bytes_max: u64,
    /// Processes that wait for a question.
    pub(super) idle_max: usize,
    /// How long one answer may take.
    pub(super) answer_time_max: Duration,
}

/// All inference workers.
pub(super) struct Shelf {
    settings: ShelfSettings,
    slots: Mutex<HashMap<Shelved, Arc<Slot>>>,
    clock: AtomicU64,
    loaded: AtomicU64,
    /// Nanoseconds in which engines had calls.
    computed_ns: AtomicU64,
}

const NO_PROCESS: u32 = 0;

/// One process, or none yet, and who is using it.
pub(super) struct Slot {
    used: AtomicU64,
    /// Which process it is, or [`NO_PROCESS`]: told without waiting for whoever is asking it.
    pid: AtomicU32,
    queue: Mutex<Queue>,
    freed: Condvar,
    process: Mutex<Option<Process>>,
}

/// Whether somebody is asking, and how many wait to.
#[derive(Default)]
struct Queue {
    is_taken: bool,
    waiting: usize,
}

struct Process {
    worker: Worker,
    engine: InferenceEngine,
    /// The number of the exchange that it has.
    attached: Option<u64>,
    /// The thread that computes, if it is one alone that does.
    peer: Option<Peer>,
}

/// The right to ask.
struct Turn<'s>(&'s Slot);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = locked(&self.0.queue);
        queue.is_taken = false;
        if queue.waiting > 0 {
            self.0.freed.notify_one();
        }
    }
}

/// A question, and the exchange that its tensors lie in.
pub(super) struct Question<'q> {
    pub(super) message: &'q ToInference,
    pub(super) file: Option<BorrowedFd<'q>>,
    pub(super) exchange: (u64, BorrowedFd<'q>),
}

impl Shelf {
    pub(super) fn new(settings: ShelfSettings) -> Shelf {
        Shelf {
            settings,
            slots: Mutex::default(),
            clock: AtomicU64::new(0),
            loaded: AtomicU64::new(0),
            computed_ns: AtomicU64::new(0),
        }
    }

    /// Takes note that a model was loaded that was not there before.
    pub(super) fn count_loaded(&self) {
        self.loaded.fetch_add(1, Ordering::Relaxed);
    }

    /// Models that were loaded so far.
    pub(super) fn loaded(&self) -> u64 {
        self.loaded.load(Ordering::Relaxed)
    }

    /// Takes note of how long an engine had a call.
    pub(super) fn count_computed(&self, engine: Duration) {
        let engine_ns = u64::try_from(engine.as_nanos()).unwrap_or(u64::MAX);
        self.computed_ns.fetch_add(engine_ns, Ordering::Relaxed);
    }

    /// How long engines have had calls so far.
    pub(super) fn computed(&self) -> Duration {
        Duration::from_nanos(self.computed_ns.load(Ordering::Relaxed))
    }

    /// A number that no other exchange has.
    pub(super) fn number(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// The process for these models. Those that wait and were used longest ago end, if there are too many.
    pub(super) fn slot(&self, shelved: Shelved) -> Arc<Slot> {
        let now = self.number();
        let mut slots = locked(&self.slots);
        let slot = slots.entry(shelved).or_insert_with(|| {
            Arc::new(Slot {
                used: AtomicU64::new(now),
                pid: AtomicU32::new(NO_PROCESS),
                queue: Mutex::default(),
                freed: Condvar::new(),
                process: Mutex::new(None),
            })
        });
        slot.used.store(now, Ordering::Relaxed);
        let slot = Arc::clone(slot);
        let mut ended = Vec::new();
        while slots.len() > self.settings.idle_max {
            let idle = slots
                .iter()
                .filter(|(_, slot)| Arc::strong_count(slot) == 1)
                .min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed))
                .map(|(shelved, _)| *shelved);
            let Some(idle) = idle else { break };
            ended.extend(slots.remove(&idle));
        }
        drop(slots);
        drop(ended);
        slot
    }

    /// Processes that are there.
    pub(super) fn pids(&self) -> Vec<u32> {
        let slots = locked(&self.slots);
        let pids = slots.values().map(|slot| slot.pid.load(Ordering::Relaxed));
        pids.filter(|pid| *pid != NO_PROCESS).collect()
    }

    /// What an inference worker may use at most.
    fn limits(&self) -> WorkerLimits {
        let models = self.settings.model_bytes_max.saturating_mul(MODEL_TIMES);
        let data_bytes = models.saturating_add(WORKING_BYTES);
        WorkerLimits {
            data_bytes,
            data_bytes_max: data_bytes,
            ..WorkerLimits::default()
        }
    }

    /// Asks, once it is this question's turn, and waits for the answer. `stop` is asked now and then
    /// whether to give up; something else is done while the process is busy with the question. A call is computed
    /// on this thread's processor.
    pub(super) fn ask(
        &self,
        slot: &Slot,
        question: &Question<'_>,
        fork: &dyn Fn(Role, &WorkerLimits) -> Result<Worker, ZygoteError>,
        stop: &dyn Fn() -> Option<Stopper>,
        meanwhile: Option<Meanwhile<'_>>,
        together: &Together,
    ) -> Result<(FromInference, InferenceEngine), Unanswered> {
        let _turn = slot.turn(stop)?;
        let mut place = locked(&slot.process);
        // One that died while it waited is noticed now, and replaced.
        if let Some(process) = &mut *place
            && process.worker.exit(Some(Instant::now())).is_ok()
        {
            *place = None;
        }
        let process = match &mut *place {
            Some(process) => process,
            none => {
                // Processes that are started may run wherever this thread may.
                together.let_go();
                let process = self.started(fork, stop)?;
                slot.pid.store(process.worker.pid(), Ordering::Relaxed);
                none.insert(process)
            }
        };
        let is_call = matches!(question.message, ToInference::Compute { .. });
        let beside = process.peer.as_mut().and_then(|peer| {
            if is_call && together.with(peer) {
                return Some((together, peer));
            }
            peer.let_go();
            None
        });
        if beside.is_none() {
            together.let_go();
        }
        let asked = send_question(&mut process.worker, &mut process.attached, question);
        let asked = asked.and_then(|()| {
            let time_max = self.settings.answer_time_max;
            receive(&mut process.worker, time_max, stop, meanwhile, beside)
        });
        let failed = match asked {
            Ok(answer) => return Ok((answer, process.engine.clone())),
            Err(failed) => failed,
        };
        // Whatever it was doing, nobody waits for it any more.
        let process = place.take();
        slot.pid.store(NO_PROCESS, Ordering::Relaxed);
        match failed {
            Failed::Stopped(by) => Err(Unanswered::Stopped(by)),
            Failed::TooLong => {
                let seconds = self.settings.answer_time_max.as_secs_f32();
                let why = format!("it did not answer within {seconds} s, and was ended");
                Err(Unanswered::TooLong(Fault::Inference(why)))
            }
            Failed::Died(reason) => {
                let Some(mut gone) = process else {
                    return Err(Unanswered::Fault(Fault::Inference(reason)));
                };
                let why = ending(&mut gone.worker, &reason);
                // A division that has no result is the model's doing, though the library lets it end the process.
                let ended = gone.worker.exit(Some(Instant::now()));
                Err(match ended.is_ok_and(Ending::is_by_division) {
                    true => Unanswered::Unable(DIVISION.into()),
                    false => Unanswered::Fault(Fault::Inference(why)),
                })
            }
        }
    }

    fn started(
        &self,
        fork: &dyn Fn(Role, &WorkerLimits) -> Result<Worker, ZygoteError>,
        stop: &dyn Fn() -> Option<Stopper>,
    ) -> Result<Process, Unanswered> {
        let (worker, engine) = match self.begun(fork, stop) {
            Ok(begun) => begun,
            Err(why) => {
                return Err(match stop() {
                    Some(by) => Unanswered::Stopped(by),
                    None => {
                        let why = format!("it cannot be started: {why}");
                        Unanswered::Fault(Fault::Inference(why))
                    }
                });
            }
        };
        let is_alone = engine.threads == 1 && engine.device.is_none();
        let peer = is_alone.then(|| Peer::first_of(worker.pid())).flatten();
        Ok(Process {
            worker,
            engine,
            attached: None,
            peer,
        })
    }

    /// A process that is ready, and what computes in it; or why there is none. `stop` is asked now and then
    /// whether to give up.
    pub(super) fn begun(
        &self,
        fork: &dyn Fn(Role, &WorkerLimits) -> Result<Worker, ZygoteError>,
        stop: &dyn Fn() -> Option<Stopper>,
    ) -> Result<(Worker, InferenceEngine), String> {
        let worker = fork(Role::Inference, &self.limits());
        let mut worker = worker.map_err(|error| error.to_string())?;
        let begin = ToInference::Begin {
            bytes_max: self.settings.model_bytes_max,
        };
        let bytes = encode(&begin)?;
        let deadline = Instant::now() + SEND_TIME_MAX;
        let sent = worker.channel().send(&bytes, &[], Some(deadline));
        let answer = match sent {
            Ok(()) => receive(&mut worker, BEGIN_TIME_MAX, stop, None, None),
            Err(error) => Err(Failed::Died(error.to_string())),
        };
        let answer = answer.map_err(|failed| match failed {
            Failed::Stopped(_) => "nobody waits for it any more".to_owned(),
            Failed::TooLong => format!("it took more than {} s", BEGIN_TIME_MAX.as_secs()),
            Failed::Died(reason) => ending(&mut worker, &reason),
        })?;
        match answer {
            FromInference::Ready(ready) => Ok((worker, ready?)),
            _ => Err("it says something else than that it is ready".into()),
        }
    }
}

/// Why a process did not answer.
enum Failed {
    Stopped(Stopper),
    Died(String),
    TooLong,
}

impl Slot {
    fn turn(&self, stop: &dyn Fn() -> Option<Stopper>) -> Result<Turn<'_>, Unanswered> {
        let mut queue = locked(&self.queue);
        while queue.is_taken {
            if let Some(by) = stop() {
                return Err(Unanswered::Stopped(by));
            }
            queue.waiting += 1;
            let waited = self.freed.wait_timeout(queue, LOOK_EVERY);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            queue.waiting -= 1;
        }
        queue.is_taken = true;
        Ok(Turn(self))
    }
}

fn send(
    worker: &mut Worker,
    message: &ToInference,
    files: &[BorrowedFd<'_>],
) -> Result<(), Failed> {
    let bytes = encode(message).map_err(Failed::Died)?;
    let deadline = Instant::now() + SEND_TIME_MAX;
    let sent = worker.channel().send(&bytes, files, Some(deadline));
    sent.map_err(|error| Failed::Died(error.to_string()))
}

/// Sends a question, and before it the exchange that it is about, unless that is the one that was attached last.
fn send_question(
    worker: &mut Worker,
    attached: &mut Option<u64>,
    question: &Question<'_>,
) -> Result<(), Failed> {
    let (number, exchange) = question.exchange;
    if *attached != Some(number) {
        send(worker, &ToInference::Attach, &[exchange])?;
        *attached = Some(number);
    }
    let files: Vec<_> = question.file.into_iter().collect();
    send(worker, question.message, &files)
}

/// Something to do while a process is busy.
#[derive(Clone, Copy)]
pub(super) struct Meanwhile<'m> {
    /// How long to wait before.
    pub(super) after: Duration,
    pub(super) act: &'m dyn Fn(),
}

/// What a process says next. `stop` is asked now and then whether to give up. With whom this thread shares a processor
/// is let go of if it takes long.
fn receive(
    worker: &mut Worker,
    time_max: Duration,
    stop: &dyn Fn() -> Option<Stopper>,
    mut meanwhile: Option<Meanwhile<'_>>,
    mut beside: Option<(&Together, &mut Peer)>,
) -> Result<FromInference, Failed> {
    let began = Instant::now();
    loop {
        if let Some(Meanwhile { act, .. }) = meanwhile.take_if(|one| began.elapsed() >= one.after) {
            match &mut beside {
                // However long that takes: both are apart by then.
                Some((together, peer)) => together.aside(|| {
                    peer.let_go();
                    act();
                }),
                None => act(),
            }
        }
        if let Some((together, peer)) = beside.take_if(|_| began.elapsed() >= HELD_MAX) {
            together.let_go();
            peer.let_go();
        }
        let wait = meanwhile.map_or(LOOK_EVERY, |one| one.after.min(LOOK_EVERY));
        let until = Some(Instant::now() + wait);
        match worker.channel().receive(until) {
            Ok(Some(frame)) => {
                return decode(&frame.payload).map_err(|error| Failed::Died(error.to_string()));
            }
            Ok(None) => return Err(Failed::Died(String::new())),
            Err(ChannelError::DeadlinePassed) => {}
            Err(error) => return Err(Failed::Died(error.to_string())),
        }
        if let Some(by) = stop() {
            return Err(Failed::Stopped(by));
        }
        if began.elapsed() > time_max {
            return Err(Failed::TooLong);
        }
    }
}
