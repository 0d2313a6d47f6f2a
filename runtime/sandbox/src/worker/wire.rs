//! What passes between the parent and its workers. Each frame is one message, in the form of `postcard`;
//! the channel has the version.

use std::borrow::Cow;
use std::fs::File;
use std::sync::Arc;

use meterbox_isolation::FRAME_BYTES_MAX;
use meterbox_meter::{Admission, Declared, Exhausted, Kind, Metered, Spent, Tier};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::{CHUNK_BYTES, ChunkRun, Kept};
use crate::job::LogLevel;
use crate::limits::Limits;
use crate::models::exchange::Room;
use crate::models::wire::{Answered, Ask, ShapePart, TensorPart, cost_of, cost_part};
use crate::models::{Denied, Device, ModelFacts, NnCode};
use crate::outcome::{Fault, InferenceCall, Measured, ModelMeasured, Outcome, Refusal};
use crate::outputs::Output;
use crate::run::{LIMIT_NAMES, RunError, TRAP_CODES};
use crate::stop::Stopper;
use crate::worker::InferenceEngine;

/// Bytes of items that are put into one frame, which leaves room for the largest of them.
pub(super) const BATCH_BYTES: usize = FRAME_BYTES_MAX / 4;

/// Bytes of an input that travel within a frame: opening a file costs as much as copying these.
pub(super) const INLINE_BYTES_MAX: u64 = 16 << 10;

/// To a compiler. Comes with the metered program, and the file that the artefact goes to.
#[derive(Serialize, Deserialize)]
pub(super) struct Compile {
    pub(super) is_component: bool,
    pub(super) bytes: u64,
}

/// From a compiler.
#[derive(Serialize, Deserialize)]
pub(super) enum Compiled {
    Done { bytes: u64 },
    Refused(Refusal),
    Failed(String),
}

/// To a runner.
#[derive(Serialize, Deserialize)]
pub(super) enum ToRunner<'m> {
    /// Comes first, with the flag by which runs are stopped.
    Begin,
    /// A program, whose artefact comes along. It replaces the one that was used longest ago, if there
    /// is no room. Answered by [`FromRunner::Loaded`] only if it is asked for.
    Load {
        program: u64,
        facts: Facts,
        is_answered: bool,
    },
    /// Inputs of the next run. Files of those whose content is not here come along, in their order.
    Inputs(Vec<InputPart<'m>>),
    /// Runs a program that was loaded. The scratch file comes along.
    Run {
        program: u64,
        /// By which the flag names it.
        number: u64,
        job: JobPart<'m>,
        limits: Limits,
    },
    /// What a run has asked for. The exchange comes along, if that was it.
    Answered(Answered),
}

/// To an inference worker.
#[derive(Serialize, Deserialize)]
pub(super) enum ToInference {
    /// Comes first, and is answered: how many bytes of models to keep at most, as files.
    Begin { bytes_max: u64 },
    /// The exchange to use from then on, which comes along.
    Attach,
    /// To have a model ready, whose file comes along.
    Open { sha256: [u8; 32] },
    /// What a call costs.
    Cost {
        sha256: [u8; 32],
        shapes: Vec<ShapePart>,
    },
    /// To compute.
    Compute {
        sha256: [u8; 32],
        inputs: Vec<TensorPart>,
        room: Room,
    },
}

/// From an inference worker: one answer to each question.
#[derive(Serialize, Deserialize)]
pub(super) enum FromInference {
    /// To the beginning: what computes, or in words why nothing can.
    Ready(Result<InferenceEngine, String>),
    Opened {
        facts: Result<ModelFacts, Denied>,
        /// Whether it was not kept already.
        is_new: bool,
    },
    Costs(Result<[u64; 7], Denied>),
    Computed {
        outputs: Result<Vec<TensorPart>, Denied>,
        /// How long the engine had the call, in nanoseconds.
        engine_ns: u64,
        /// How long of it the thread that asked the engine had a processor.
        processor_ns: u64,
    },
    /// The engine cannot run the model.
    Unable(String),
    /// The model is not kept any more.
    Gone,
    /// It could not be done, for a reason of this machine's.
    Failed(String),
}

/// From a runner.
#[derive(Serialize, Deserialize)]
pub(super) enum FromRunner<'m> {
    Loaded(Result<bool, Refusal>),
    Said(Said<'m>),
    Items(Vec<Item>),
    Ended(Result<End, Failure>),
    /// A question about models, which is answered by [`ToRunner::Answered`].
    Asked(Ask),
}

/// What an observer is told.
#[derive(Serialize, Deserialize)]
pub(super) enum Said<'m> {
    Log(u8, Cow<'m, str>),
    Progress(u64, u64, Cow<'m, str>),
    Refused(Cow<'m, str>),
    Stdout(Cow<'m, serde_bytes::Bytes>),
    Stderr(Cow<'m, serde_bytes::Bytes>),
}

#[derive(Serialize, Deserialize)]
pub(super) struct JobPart<'m> {
    pub(super) arguments: Cow<'m, [String]>,
    pub(super) environment: Cow<'m, [(String, String)]>,
    pub(super) seed: u64,
    pub(super) clock_start_ns: u64,
    pub(super) device: Device,
    pub(super) replay_device: Option<Device>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct InputPart<'m> {
    pub(super) name: Cow<'m, str>,
    pub(super) sha256: [u8; 32],
    #[serde(with = "serde_bytes")]
    pub(super) content: Option<Vec<u8>>,
}

/// A part of what a run left, in its order.
#[derive(Serialize, Deserialize)]
pub(super) enum Item {
    Call(CallPart),
    Output {
        name: String,
        sha256: [u8; 32],
        bytes: u64,
    },
    /// Goes on with the content of the last output.
    Chunks(ChunkRun),
}

#[derive(Serialize, Deserialize)]
pub(super) struct CallPart {
    model: [u8; 32],
    inputs: Vec<(String, [u8; 32])>,
    outputs: Vec<(String, [u8; 32])>,
    failed: Option<NnCode>,
    cost: [u64; 7],
}

/// How a run ended, after its items.
#[derive(Serialize, Deserialize)]
pub(super) struct End {
    outcome: OutcomePart,
    instructions: u64,
    memory_page_instructions: u128,
    memory_pages_peak: u64,
    exhausted: Option<bool>,
    host_calls: u64,
    bytes_in: u64,
    bytes_out: u64,
    model_bytes: u64,
    inference: [u64; 7],
    models: Vec<ModelPart>,
    pub(super) memory_refusals: u64,
    pub(super) instantiate_ns: u64,
}

/// What of that is a model's.
#[derive(Serialize, Deserialize)]
struct ModelPart {
    sha256: [u8; 32],
    bytes: u64,
    inference: [u64; 7],
}

#[derive(Serialize, Deserialize)]
enum OutcomePart {
    Ok,
    Failed { message: String, code: Option<u32> },
    Trapped(String),
    Limit(String),
    Stopped(Stopper),
}

/// Why a run came to nothing.
#[derive(Serialize, Deserialize)]
pub(super) enum Failure {
    Refusal(Refusal),
    OutOfMemory,
    NativeStack,
    Meter(String),
    Host(String),
}

/// What running takes to know of a metered program.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Facts {
    is_component: bool,
    tier: u8,
    declared: [u64; 3],
}

/// What a worker said makes no sense: it is not the program that it should be, or it was taken over.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Nonsense(pub(super) &'static str);

pub(super) fn encode(message: &impl Serialize) -> Result<Vec<u8>, String> {
    postcard::to_allocvec(message).map_err(|error| format!("a message cannot be written: {error}"))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Nonsense> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(Nonsense("a message is followed by something")),
        Err(_) => Err(Nonsense("a message is none")),
    }
}

impl Facts {
    pub(super) fn of(metered: &Metered) -> Facts {
        let Declared {
            units,
            memory_pages,
            table_elements,
        } = metered.declared;
        Facts {
            is_component: metered.kind == Kind::Component,
            tier: Tier::ALL
                .iter()
                .position(|tier| *tier == metered.tier)
                .and_then(|at| u8::try_from(at).ok())
                .unwrap_or(0),
            declared: [units, memory_pages, table_elements],
        }
    }

    pub(super) fn metered(self) -> Metered {
        let [units, memory_pages, table_elements] = self.declared;
        Metered {
            bytes: Vec::new(),
            kind: if self.is_component {
                Kind::Component
            } else {
                Kind::Module
            },
            tier: Tier::ALL
                .get(usize::from(self.tier))
                .copied()
                .unwrap_or(Tier::Large),
            declared: Declared {
                units,
                memory_pages,
                table_elements,
            },
            admission: Admission::default(),
            modules: Vec::new(),
            hooks: false,
        }
    }
}

impl From<InferenceCall> for CallPart {
    fn from(call: InferenceCall) -> CallPart {
        CallPart {
            model: call.model,
            inputs: call.inputs,
            outputs: call.outputs,
            failed: call.failed,
            cost: cost_part(&call.cost),
        }
    }
}

impl From<CallPart> for InferenceCall {
    fn from(call: CallPart) -> InferenceCall {
        InferenceCall {
            model: call.model,
            inputs: call.inputs,
            outputs: call.outputs,
            failed: call.failed,
            cost: cost_of(call.cost),
        }
    }
}

impl End {
    pub(super) fn of(outcome: Outcome, measured: &Measured) -> End {
        End {
            outcome: match outcome {
                Outcome::Ok => OutcomePart::Ok,
                Outcome::Failed { message, code } => OutcomePart::Failed { message, code },
                Outcome::Trapped { trap } => OutcomePart::Trapped(trap.into()),
                Outcome::Limit { which } => OutcomePart::Limit(which.into()),
                Outcome::Stopped { by, .. } => OutcomePart::Stopped(by),
            },
            instructions: measured.spent.instructions,
            memory_page_instructions: measured.spent.memory_page_instructions,
            memory_pages_peak: measured.spent.memory_pages_peak,
            exhausted: measured
                .spent
                .exhausted
                .map(|which| which == Exhausted::Instructions),
            host_calls: measured.host_calls,
            bytes_in: measured.bytes_in,
            bytes_out: measured.bytes_out,
            model_bytes: measured.model_bytes,
            inference: cost_part(&measured.inference),
            models: measured
                .models
                .iter()
                .map(|model| ModelPart {
                    sha256: model.sha256,
                    bytes: model.bytes,
                    inference: cost_part(&model.cost),
                })
                .collect(),
            memory_refusals: 0,
            instantiate_ns: 0,
        }
    }

    /// The outcome, and what was measured, if a run with these limits can have that.
    pub(super) fn parts(self, limits: &Limits) -> Result<(Outcome, Measured), Nonsense> {
        let known = |name: &str, names: &[&'static str]| {
            names
                .iter()
                .find(|known| **known == name)
                .copied()
                .ok_or(Nonsense("an outcome has an unknown name"))
        };
        let outcome = match self.outcome {
            OutcomePart::Ok => Outcome::Ok,
            OutcomePart::Failed { message, code } => Outcome::Failed { message, code },
            OutcomePart::Trapped(trap) => Outcome::Trapped {
                trap: known(&trap, TRAP_CODES)?,
            },
            OutcomePart::Limit(which) => Outcome::Limit {
                which: known(&which, LIMIT_NAMES)?,
            },
            OutcomePart::Stopped(by) => Outcome::Stopped { by, killed: false },
        };
        let measured = Measured {
            spent: Spent {
                instructions: self.instructions,
                memory_page_instructions: self.memory_page_instructions,
                memory_pages_peak: self.memory_pages_peak,
                exhausted: self.exhausted.map(|instructions| {
                    if instructions {
                        Exhausted::Instructions
                    } else {
                        Exhausted::Stack
                    }
                }),
            },
            host_calls: self.host_calls,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            model_bytes: self.model_bytes,
            inference: cost_of(self.inference),
            models: self
                .models
                .into_iter()
                .map(|model| ModelMeasured {
                    sha256: model.sha256,
                    bytes: model.bytes,
                    cost: cost_of(model.inference),
                })
                .collect(),
        };
        if !is_within(&measured, limits) {
            return Err(Nonsense("a run used more than it may"));
        }
        if !measured.models_add_up() {
            return Err(Nonsense("what models used is not what was used"));
        }
        Ok((outcome, measured))
    }
}

/// Whether a run with these limits can have used so much.
fn is_within(measured: &Measured, limits: &Limits) -> bool {
    let Measured {
        spent,
        host_calls,
        bytes_in,
        bytes_out,
        model_bytes,
        inference,
        models: _,
    } = measured;
    let pages = limits.memory_bytes / 65_536;
    let operations = cost_part(inference)[..5]
        .iter()
        .try_fold(0u64, |sum, of_one| sum.checked_add(*of_one));
    spent.instructions <= limits.instructions
        && spent.memory_pages_peak <= pages
        && spent.memory_page_instructions <= u128::from(pages) * u128::from(spent.instructions)
        && *host_calls <= limits.host_calls
        && *bytes_in <= limits.bytes_in
        && *bytes_out <= limits.bytes_out
        && *model_bytes <= limits.model_bytes
        && operations.is_some_and(|operations| operations <= limits.inference_ops)
        && inference.weight_bytes <= limits.inference_weight_bytes
        && inference.tensor_bytes <= limits.inference_tensor_bytes
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        match error {
            RunError::Refusal(refusal) => Failure::Refusal(refusal),
            RunError::Fault(Fault::OutOfMemory) => Failure::OutOfMemory,
            RunError::Fault(Fault::NativeStack) => Failure::NativeStack,
            RunError::Fault(Fault::Meter(reason)) => Failure::Meter(reason),
            RunError::Fault(fault) => Failure::Host(fault.to_string()),
        }
    }
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> RunError {
        match failure {
            Failure::Refusal(refusal) => RunError::Refusal(refusal),
            Failure::OutOfMemory => Fault::OutOfMemory.into(),
            Failure::NativeStack => Fault::NativeStack.into(),
            Failure::Meter(reason) => Fault::Meter(reason).into(),
            Failure::Host(reason) => Fault::Host(reason).into(),
        }
    }
}

pub(super) fn level_number(level: LogLevel) -> u8 {
    level as u8
}

pub(super) fn level_of(number: u8) -> LogLevel {
    match number {
        0 => LogLevel::Trace,
        1 => LogLevel::Debug,
        2 => LogLevel::Info,
        3 => LogLevel::Warn,
        _ => LogLevel::Error,
    }
}

/// Puts the outputs together of which items came, and takes no more than a run can leave.
pub(super) struct Items {
    transcript: Vec<InferenceCall>,
    outputs: Vec<(String, [u8; 32], u64, Vec<ChunkRun>)>,
    calls_max: u64,
    outputs_max: u64,
    runs_left: u64,
    bytes_left: u64,
    content_bytes_max: u64,
}

impl Items {
    /// Nothing yet, of a run with these limits.
    pub(super) fn new(limits: &Limits) -> Items {
        let call = crate::host_calls::weight(
            "wasi:nn/inference",
            "[method]graph-execution-context.compute",
        );
        // The standard streams come on top of the other outputs.
        let outputs_max = limits.outputs.saturating_add(2);
        let bytes = limits.file_bytes.saturating_add(limits.bytes_out);
        Items {
            transcript: Vec::new(),
            outputs: Vec::new(),
            calls_max: limits.host_calls / call.unwrap_or(1),
            outputs_max,
            // Each content has at most one chunk that is not full.
            runs_left: (bytes / crate::host::wide(CHUNK_BYTES)).saturating_add(outputs_max),
            // Names and contents are paid by the byte, and what is beside them by the call.
            bytes_left: bytes
                .saturating_add(limits.bytes_in)
                .saturating_add(limits.host_calls)
                .saturating_add(outputs_max.saturating_mul(512)),
            content_bytes_max: bytes,
        }
    }

    pub(super) fn add(&mut self, items: Vec<Item>, bytes: usize) -> Result<(), Nonsense> {
        self.bytes_left = self
            .bytes_left
            .checked_sub(crate::host::wide(bytes))
            .ok_or(Nonsense("a run left more than it may"))?;
        for item in items {
            match item {
                Item::Call(call) => {
                    if crate::host::wide(self.transcript.len()) >= self.calls_max {
                        return Err(Nonsense("a run made more inferences than it may"));
                    }
                    self.transcript.push(call.into());
                }
                Item::Output {
                    name,
                    sha256,
                    bytes,
                } => {
                    if crate::host::wide(self.outputs.len()) >= self.outputs_max {
                        return Err(Nonsense("a run left more outputs than it may"));
                    }
                    self.outputs.push((name, sha256, bytes, Vec::new()));
                }
                Item::Chunks(_) if self.runs_left == 0 => {
                    return Err(Nonsense("a run left more content than it may"));
                }
                Item::Chunks(run) => match self.outputs.last_mut() {
                    Some((.., runs)) => {
                        runs.push(run);
                        self.runs_left -= 1;
                    }
                    None => return Err(Nonsense("a content has no output")),
                },
            }
        }
        Ok(())
    }

    pub(super) fn finish(
        self,
        scratch: &Arc<File>,
    ) -> Result<(Vec<Output>, Vec<InferenceCall>), Nonsense> {
        let content = self.outputs.iter().map(|(_, _, bytes, _)| *bytes);
        let sum = content.fold(0, u64::saturating_add);
        if sum > self.content_bytes_max {
            return Err(Nonsense("a run left more content than it may"));
        }
        let is_sorted = self.outputs.windows(2).all(|pair| match pair {
            [(one, ..), (other, ..)] => one < other,
            _ => true,
        });
        if !is_sorted {
            return Err(Nonsense("outputs are not sorted"));
        }
        let outputs = self
            .outputs
            .into_iter()
            .map(|(name, sha256, bytes, runs)| {
                if !crate::outputs::is_valid_name(&name) {
                    return Err(Nonsense("an output has no name"));
                }
                let kept = Kept::from_runs(bytes, runs, Some(Arc::clone(scratch)))
                    .ok_or(Nonsense("an output has another size than its content"))?;
                Ok(Output::new(name, sha256, kept))
            })
            .collect::<Result<_, _>>()?;
        Ok((outputs, self.transcript))
    }
}
