//! How a run ended, and what it used. Never prices it.

use std::time::Duration;

use meterbox_inference::Cost;
use meterbox_meter::Spent;
use serde::{Deserialize, Serialize};

use crate::models::NnCode;
use crate::outputs::Output;
use crate::profile::Profile;
use crate::stop::Stopper;
use crate::worker::InferenceEngine;

/// How a run ended, as a function of the job alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The guest did its job.
    Ok,
    /// The guest said that it failed.
    Failed {
        /// Its own words, cut to [`MESSAGE_BYTES_MAX`]; empty for a command.
        message: String,
        /// A command's exit code.
        code: Option<u32>,
    },
    /// The guest trapped.
    Trapped {
        /// Which trap, as a code such as `unreachable`.
        trap: &'static str,
    },
    /// The guest reached a limit.
    Limit {
        /// Which one, by its name in [`Limits`](crate::Limits).
        which: &'static str,
    },
    /// Somebody ended the run early: see [`Stop`](crate::Stop).
    Stopped {
        /// Who.
        by: Stopper,
        /// Whether it was killed between two calls to the host, so that nothing was counted.
        killed: bool,
    },
}

/// How much of a guest's own message is kept.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// One inference, as the transcript keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceCall {
    /// The sha256 of the model.
    pub model: [u8; 32],
    /// For each input its name, and the sha256 of its type, dimensions and data.
    pub inputs: Vec<(String, [u8; 32])>,
    /// The same for each output; none of a call that failed.
    pub outputs: Vec<(String, [u8; 32])>,
    /// What the guest was told, of a call that failed after it was charged.
    pub failed: Option<NnCode>,
    /// What it was charged.
    pub cost: Cost,
}

/// What a run used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// What the guest's own code used.
    pub spent: Spent,
    /// Weighted units of host calls.
    pub host_calls: u64,
    /// Bytes delivered to the guest.
    pub bytes_in: u64,
    /// Bytes taken from the guest.
    pub bytes_out: u64,
    /// Bytes of all models loaded.
    pub model_bytes: u64,
    /// The sum over all inferences.
    pub inference: Cost,
    /// What of both each model was charged, sorted by digest; of at most [`MODELS_TOLD_MAX`] of them.
    pub models: Vec<ModelMeasured>,
}

/// Models that are told apart, which are as many as a job may load. What is charged for those that come after is in the
/// sums alone.
pub const MODELS_TOLD_MAX: usize = 256;

/// What a run was charged for one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelMeasured {
    /// The sha256 of the model.
    pub sha256: [u8; 32],
    /// Its bytes, for each time that it was loaded.
    pub bytes: u64,
    /// Preparing and calling it.
    pub cost: Cost,
}

impl Measured {
    /// Whether the models are listed once, in order, and come to the sums: to less only where as many are listed as can
    /// be.
    #[must_use]
    pub fn models_add_up(&self) -> bool {
        let pairs = self.models.iter().zip(self.models.iter().skip(1));
        let is_sorted = pairs
            .into_iter()
            .all(|(one, next)| one.sha256 < next.sha256);
        let sum = self
            .models
            .iter()
            .try_fold((0_u64, Cost::default()), |sum, model| {
                Some((
                    sum.0.checked_add(model.bytes)?,
                    sum.1.checked_add(&model.cost)?,
                ))
            });
        let Some((bytes, cost)) = sum else {
            return false;
        };
        let is_whole = bytes == self.model_bytes && cost == self.inference;
        let is_part = bytes <= self.model_bytes && cost.is_within(&self.inference);
        let is_full = self.models.len() == MODELS_TOLD_MAX;
        is_sorted && self.models.len() <= MODELS_TOLD_MAX && (is_whole || (is_full && is_part))
    }
}

/// A run that ended.
#[derive(Debug)]
pub struct Ran {
    /// How.
    pub outcome: Outcome,
    /// What it used.
    pub measured: Measured,
    /// What it left behind, sorted by name.
    pub outputs: Vec<Output>,
    /// Its inferences in order.
    pub transcript: Vec<InferenceCall>,
    /// How often `memory.grow` failed because of the limit: a hint for people.
    pub memory_refusals: u64,
    /// How long creating its instances took, by the clock on the wall: no part of any bill.
    pub instantiate_time: Duration,
    /// What has computed with its models; none if it had none. Of this machine and this time, and no part of
    /// any bill.
    pub engine: Option<InferenceEngine>,
    /// Where its units went, if the program was metered with hooks.
    pub profile: Option<Profile>,
}

/// Why a program cannot be run here. Known before it runs, and nobody is billed.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// It imports what no job is given.
    #[error("it imports `{name}`, which no job is given")]
    UnknownImport {
        /// The import, with its module or interface.
        name: String,
    },
    /// A model was to compute on a device that this provider does not have.
    #[error("its models are to compute on a GPU, and this provider has none")]
    NoDevice,
    /// The engine that computes here cannot run one of its models, though another may.
    #[error("one of its models cannot be run here: {0}")]
    Model(String),
    /// It exports nothing that could be run.
    #[error("it exports neither `run`, `wasi:cli/run` nor `_start`, so there is nothing to run")]
    NothingToRun,
    /// Its memories begin larger than they may become.
    #[error("its memories begin with {declared} bytes, and its limit is {limit}")]
    Memory {
        /// Bytes declared.
        declared: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Its tables begin larger than they may become.
    #[error("its tables begin with {declared} elements, and its limit is {limit}")]
    Tables {
        /// Elements declared.
        declared: u64,
        /// Elements allowed.
        limit: u64,
    },
    /// The engine does not take the program.
    #[error("the engine does not accept it: {0}")]
    Engine(String),
    /// It took more to compile than a program may.
    #[error("compiling it took more than {0}, which is all that a program gets")]
    Compiling(String),
}

/// A failure of the host. Nobody is billed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The host could not give memory that the limits allow.
    #[error("this machine ran out of memory for the job")]
    OutOfMemory,
    /// The native stack overflowed before the counted one.
    #[error("the native stack overflowed before the job's stack limit was reached")]
    NativeStack,
    /// Reading an input or writing an output failed.
    #[error("an input or output could not be read or written: {0}")]
    Storage(#[from] std::io::Error),
    /// The meter could not be read after the run.
    #[error("the meter could not be read after the run: {0}")]
    Meter(String),
    /// A profile has more call paths than are kept.
    #[error("the job's functions call each other in more than {max} ways, which no profile holds")]
    Profile {
        /// How many are kept.
        max: u32,
    },
    /// The worker that ran the job ended in the middle of it, each time that it was tried.
    #[error("the job's worker died: {0}")]
    Worker(String),
    /// The process that keeps the job's models died, took too long, or could not compute.
    #[error("the process that keeps the job's models failed: {0}")]
    Inference(String),
    /// Anything else that went wrong in the host.
    #[error("{0}")]
    Host(String),
}
