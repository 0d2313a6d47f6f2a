//! What an inference worker does: it keeps models that it is handed, and computes with them for one
//! run at a time. It opens nothing itself, and runs no code of a guest's.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use meterbox_inference::{Engine, Model, ModelError, ModelLimits};
use meterbox_isolation::Channel;
use sha2::{Digest, Sha256};

use super::InferenceEngine;
use super::wire::{FromInference, Nonsense, ToInference, decode, encode};
use crate::models::exchange::{Exchange, Room};
use crate::models::wire::{ShapePart, TensorPart, cost_part, lend, put, short, short_text, take};
use crate::models::{Denied, ModelFacts, NnCode, failed, refused};
use crate::tally::HostEnd;

/// Exit codes that say why an inference worker has ended.
const DONE: u8 = 0;
const NONSENSE: u8 = 3;
const PARENT_GONE: u8 = 4;
/// The exit code of one that was to do something else.
pub(super) const NOT_MINE: u8 = 8;

/// Why there is no answer.
enum Failed {
    /// What the parent says makes no sense.
    Nonsense,
    /// This machine could not, which is no fault of the model's.
    Host(String),
    /// The engine cannot run a model.
    Unable(String),
}

impl From<HostEnd> for Failed {
    fn from(end: HostEnd) -> Failed {
        match end {
            HostEnd::Unable(reason) => Failed::Unable(reason),
            HostEnd::Fault(reason) => Failed::Host(reason),
            other => Failed::Host(other.to_string()),
        }
    }
}

impl From<Nonsense> for Failed {
    fn from(_: Nonsense) -> Failed {
        Failed::Nonsense
    }
}

/// Models by digest, the longest unused first to go.
struct Worker<'w> {
    engine: Result<Engine, String>,
    class: &'w Result<(), String>,
    limits: ModelLimits,
    bytes_max: u64,
    bytes: u64,
    clock: u64,
    /// Models that were ever loaded.
    loaded: u64,
    models: HashMap<[u8; 32], (u64, Model)>,
    exchange: Option<Arc<Exchange>>,
}

/// Works until the parent is gone.
pub(super) fn work(
    mut channel: Channel,
    engine: Result<Engine, String>,
    class: &Result<(), String>,
) -> u8 {
    let mut worker = Worker {
        engine,
        class,
        limits: ModelLimits::default(),
        bytes_max: 0,
        bytes: 0,
        clock: 0,
        loaded: 0,
        models: HashMap::new(),
        exchange: None,
    };
    loop {
        let frame = match channel.receive(None) {
            Ok(Some(frame)) => frame,
            Ok(None) => return DONE,
            Err(_) => return PARENT_GONE,
        };
        let answer = decode::<ToInference>(&frame.payload)
            .map_err(Failed::from)
            .and_then(|message| worker.take(message, frame.descriptors));
        let answer = match answer {
            Ok(None) => continue,
            Ok(Some(answer)) => answer,
            Err(Failed::Host(reason)) => FromInference::Failed(short_text(reason)),
            Err(Failed::Unable(reason)) => FromInference::Unable(short_text(reason)),
            Err(Failed::Nonsense) => return NONSENSE,
        };
        let sent = encode(&answer).map(|bytes| channel.send(&bytes, &[], None));
        if !matches!(sent, Ok(Ok(()))) {
            return PARENT_GONE;
        }
    }
}

impl Worker<'_> {
    fn take(
        &mut self,
        message: ToInference,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Option<FromInference>, Failed> {
        let mut files = descriptors.into_iter().map(File::from);
        match message {
            ToInference::Begin { bytes_max } => {
                self.bytes_max = bytes_max;
                let ready = match &self.engine {
                    Ok(engine) => Ok(InferenceEngine::of(engine.facts(), self.class)),
                    Err(reason) => Err(reason.clone()),
                };
                Ok(Some(FromInference::Ready(ready)))
            }
            ToInference::Attach => {
                let file = files.next().ok_or(Failed::Nonsense)?;
                let exchange = Exchange::open(&file).map_err(|_| Failed::Nonsense)?;
                self.exchange = Some(Arc::new(exchange));
                Ok(None)
            }
            ToInference::Open { sha256 } => {
                let before = self.loaded;
                let facts = self.open(sha256, files.next())?.map_err(short);
                let is_new = self.loaded > before;
                Ok(Some(FromInference::Opened { facts, is_new }))
            }
            ToInference::Cost { sha256, shapes } => self.cost(sha256, &shapes).map(Some),
            ToInference::Compute {
                sha256,
                inputs,
                room,
            } => self.compute(sha256, inputs, room).map(Some),
        }
    }

    fn open(
        &mut self,
        sha256: [u8; 32],
        file: Option<File>,
    ) -> Result<Result<ModelFacts, Denied>, Failed> {
        self.clock += 1;
        if let Some((used, model)) = self.models.get_mut(&sha256) {
            *used = self.clock;
            return Ok(Ok(ModelFacts::of(model)));
        }
        let file = file.ok_or(Failed::Nonsense)?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        if size > self.limits.bytes_max {
            // What cannot be a model is not read.
            let bytes_max = self.limits.bytes_max;
            let error = ModelError::TooLarge {
                bytes: size,
                bytes_max,
            };
            return Ok(Err(refused(&error).map_err(Failed::Unable)?));
        }
        let bytes = whole(&file).map_err(|error| Failed::Host(error.to_string()))?;
        // Under this digest it will be found again, so it had better be this one.
        if sha256 != <[u8; 32]>::from(Sha256::digest(&bytes)) {
            return Err(Failed::Host(
                "a model has another digest than its own".into(),
            ));
        }
        let engine = self.engine.as_ref();
        let engine = engine.map_err(|reason| Failed::Host(reason.clone()))?;
        let model = match Model::load_on(&bytes, &self.limits, engine) {
            Ok(model) => model,
            Err(error) => return Ok(Err(refused(&error).map_err(Failed::Unable)?)),
        };
        drop(bytes);
        let facts = ModelFacts::of(&model);
        self.make_room(facts.size_bytes);
        self.bytes = self.bytes.saturating_add(facts.size_bytes);
        self.models.insert(sha256, (self.clock, model));
        self.loaded += 1;
        Ok(Ok(facts))
    }

    /// Forgets the models that were used longest ago, until so many bytes more are within the bound, or
    /// none is left.
    fn make_room(&mut self, bytes: u64) {
        while self.bytes.saturating_add(bytes) > self.bytes_max {
            let oldest = self.models.iter().min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(sha256, _)| *sha256) else {
                return;
            };
            if let Some((_, gone)) = self.models.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(gone.size_bytes());
            }
        }
    }

    fn used(&mut self, sha256: [u8; 32]) -> Option<&Model> {
        self.clock += 1;
        let clock = self.clock;
        self.models.get_mut(&sha256).map(|(used, model)| {
            *used = clock;
            &*model
        })
    }

    fn cost(&mut self, sha256: [u8; 32], shapes: &[ShapePart]) -> Result<FromInference, Failed> {
        let shapes: Option<Vec<_>> = shapes.iter().map(ShapePart::shape).collect();
        let shapes = shapes.ok_or(Failed::Nonsense)?;
        let Some(model) = self.used(sha256) else {
            return Ok(FromInference::Gone);
        };
        Ok(FromInference::Costs(match model.cost(&shapes) {
            Ok(cost) => Ok(cost_part(&cost)),
            Err(error) => Err(short(failed(&error)?)),
        }))
    }

    fn compute(
        &mut self,
        sha256: [u8; 32],
        inputs: Vec<TensorPart>,
        room: Room,
    ) -> Result<FromInference, Failed> {
        let exchange = Arc::clone(self.exchange.as_ref().ok_or(Failed::Nonsense)?);
        let copies = self.engine.as_ref().is_ok_and(Engine::copies_inputs);
        let Some(model) = self.used(sha256) else {
            return Ok(FromInference::Gone);
        };
        // Copied, here or by the engine: the run could change what lies there while the engine counts on it.
        let inputs = match copies {
            true => lend(&exchange, inputs),
            false => take(&exchange, inputs),
        };
        let inputs = inputs.ok_or(Failed::Nonsense)?;
        let (began, processor) = (Instant::now(), processor_ns());
        let computed = model.compute(inputs);
        let processor_ns = processor_ns().saturating_sub(processor);
        let engine_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let outputs = match computed {
            Ok(outputs) => put(&exchange, &outputs, room).ok_or_else(|| Denied {
                code: NnCode::TooLarge,
                reason: "its outputs are too large to be handed over".into(),
            }),
            Err(error) => Err(short(failed(&error)?)),
        };
        Ok(FromInference::Computed {
            outputs,
            engine_ns,
            processor_ns,
        })
    }
}

/// How long this thread has had a processor, in nanoseconds.
fn processor_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock is there on all systems of this kind, and writes the time. (`rustix` would look for the kernel's
    // own code first, by a call that workers may not make.)
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let [seconds, ns] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(ns)
}

/// All of a file.
fn whole(file: &File) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len())
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::FileTooLarge))?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
    bytes.resize(length, 0);
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
