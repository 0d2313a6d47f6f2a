//! What a run has models by: whoever keeps them, says what calls on them cost, and computes. Never charges,
//! and never decides who may use which: a job reaches a model only by bringing its bytes.
//!
//! A run knows its models by these traits alone. Behind them is this process ([`here`]), or another one.

pub(crate) mod arena;
mod calls;
mod encoding;
pub(crate) mod exchange;
mod here;
pub(crate) mod remote;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meterbox_inference::{ComputeError, Cost, InputShape, Model, ModelError, Port, Tensor};
use serde::{Deserialize, Serialize};

pub(crate) use self::calls::Interposed;
pub use self::calls::{Calls, Computes, EndRun, Given, ModelCall, Plan};
pub use self::encoding::{TENSOR_HEAD_BYTES_MAX, TensorHead, tensor_digest, tensor_head};
pub(crate) use self::here::ModelCache;
use crate::job::Input;
use crate::tally::HostEnd;

/// Bytes of tensors that are seen to at once while a process computes.
const AT_ONCE_BYTES_MAX: u64 = 16 << 10;

/// How long a process is left alone that begins to compute, before whoever waits for it sees to more than that: the
/// system may have put both on one processor, where the one that computes would wait.
const PATIENCE: Duration = Duration::from_millis(1);

/// How long to wait before so many bytes of tensors are seen to while a process computes.
pub(crate) fn patience(bytes: u64) -> Duration {
    if bytes > AT_ONCE_BYTES_MAX {
        PATIENCE
    } else {
        Duration::ZERO
    }
}

/// What a guest learns of a refusal: the codes of `wasi:nn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NnCode {
    /// What was given does not fit the model, or is no tensor.
    InvalidArgument,
    /// The bytes are no model.
    InvalidEncoding,
    /// The backend could not compute.
    RuntimeError,
    /// An operator, a feature or an encoding that is not supported.
    UnsupportedOperation,
    /// Beyond a limit.
    TooLarge,
    /// There is no model of this name.
    NotFound,
}

/// Something that was asked of models and is denied to the guest, on every machine alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Denied {
    /// All that the guest learns.
    pub(crate) code: NnCode,
    /// In words, for whoever runs the provider.
    pub(crate) reason: String,
}

/// An answer to a guest, or the end of its run.
pub(crate) type Answer<T> = Result<Result<T, Denied>, HostEnd>;

/// What a guest computes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// A graphics processor. Where there is none, the job is refused: never computed elsewhere.
    Gpu,
}

/// Where a model's bytes are.
pub(crate) enum Source<'s> {
    /// An input of the job.
    Input(&'s Input),
    /// The guest's memory.
    Given { sha256: [u8; 32], bytes: &'s [u8] },
}

/// What is known of a model once it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModelFacts {
    pub(crate) sha256: [u8; 32],
    /// Bytes of the encoded model.
    pub(crate) size_bytes: u64,
    /// What loading it is charged, and each further combination of shapes.
    pub(crate) preparation_units: u64,
    /// Names of its inputs, in its order.
    pub(crate) inputs: Vec<String>,
    /// Names of its outputs, in its order.
    pub(crate) outputs: Vec<String>,
    /// Why results may differ in bits even between processes of the bit-exact class; none if they do not.
    pub(crate) not_bit_exact: Option<String>,
    /// The first output whose elements are of a type that cannot be passed to a guest, and the type.
    pub(crate) unpassable: Option<(String, String)>,
}

impl ModelFacts {
    /// What is known of a model.
    pub(crate) fn of(model: &Model) -> ModelFacts {
        let names = |ports: &[Port]| ports.iter().map(|port| port.name.clone()).collect();
        let is_passable = |port: &&Port| wire::TYPES.contains(&port.element_type);
        let unpassable = model.outputs().iter().find(|port| !is_passable(port));
        ModelFacts {
            sha256: model.digest(),
            size_bytes: model.size_bytes(),
            preparation_units: model.preparation_units(),
            inputs: names(model.inputs()),
            outputs: names(model.outputs()),
            not_bit_exact: model.not_bit_exact().map(String::from),
            unpassable: unpassable.map(|port| (port.name.clone(), port.element_type.to_string())),
        }
    }
}

/// Whoever keeps models.
pub(crate) trait Models: Send + Sync {
    /// Opens a model to compute on this device.
    fn open(&self, source: &Source<'_>, device: Device) -> Answer<Arc<dyn OpenModel>>;

    /// Opens a model that is asked for costs only, for which no device needs to be there.
    fn open_for_costs(&self, source: &Source<'_>) -> Answer<Arc<dyn OpenModel>> {
        self.open(source, Device::Cpu)
    }

    /// A copy of a tensor's data, where those who compute reach it best.
    fn keep(&self, data: &[u8]) -> Bytes {
        Bytes::copy_from_slice(data)
    }
}

/// Named tensors.
pub(crate) type Tensors = Vec<(String, Tensor)>;

/// A call that is to be computed.
pub(crate) struct Computation<'c> {
    pub(crate) inputs: Tensors,
    /// What the data of its outputs takes at most.
    pub(crate) output_bytes: u64,
    /// Given the inputs once. It may be busy with them while another process computes.
    pub(crate) meanwhile: &'c mut dyn FnMut(&Tensors),
}

/// A model that is ready.
pub(crate) trait OpenModel: Send + Sync {
    fn facts(&self) -> &ModelFacts;

    /// What a call with inputs of these shapes costs. Computes nothing.
    fn cost(&self, inputs: &[InputShape<'_>]) -> Answer<Cost>;

    /// Computes the outputs, in the model's order.
    fn compute(&self, call: Computation<'_>) -> Answer<Tensors>;
}

/// What a guest learns of a model that is refused; or else, in words, that this engine cannot run it, which
/// another one may: no guest is steered by that.
pub(crate) fn refused(error: &ModelError) -> Result<Denied, String> {
    let code = match error {
        ModelError::TooLarge { .. }
        | ModelError::TooManyFields { .. }
        | ModelError::TooManyDeclarations { .. }
        | ModelError::TooManyNodes { .. }
        | ModelError::LongName { .. } => NnCode::TooLarge,
        ModelError::PortCount { .. }
        | ModelError::Malformed(_)
        | ModelError::InvalidNode { .. }
        | ModelError::InvalidValue { .. } => NnCode::InvalidEncoding,
        ModelError::UnsupportedFeature(_) | ModelError::UnsupportedOperator { .. } => {
            NnCode::UnsupportedOperation
        }
        ModelError::RefusedByEngine { .. } | ModelError::Backend(_) => {
            return Err(error.to_string());
        }
    };
    let reason = error.to_string();
    Ok(Denied { code, reason })
}

/// What a guest learns of a call that has no result; or else why the run ends: no guest is steered by what this
/// engine cannot compute and another one may, nor by what this machine lacks.
pub(crate) fn failed(error: &ComputeError) -> Result<Denied, HostEnd> {
    let code = match error {
        ComputeError::TooLarge { .. } | ComputeError::Overflow => NnCode::TooLarge,
        ComputeError::UnknownInput { .. }
        | ComputeError::DuplicateInput { .. }
        | ComputeError::MissingInput { .. }
        | ComputeError::WrongType { .. }
        | ComputeError::WrongShape { .. }
        | ComputeError::Node { .. }
        | ComputeError::OutputType { .. } => NnCode::InvalidArgument,
        // An engine that panics has met what it does not know.
        ComputeError::ShapeDisagreement { .. }
        | ComputeError::Unable(_)
        | ComputeError::Panicked(_) => {
            return Err(HostEnd::Unable(error.to_string()));
        }
        ComputeError::Backend(reason) if is_of_this_machine(reason) => {
            return Err(HostEnd::Fault(error.to_string()));
        }
        ComputeError::Backend(_) => NnCode::RuntimeError,
    };
    let reason = error.to_string();
    Ok(Denied { code, reason })
}

/// Whether a backend failed for want of something that another machine may have. What it says has none of the names
/// in it that the model gives to things: it has never seen them.
fn is_of_this_machine(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    [
        "out of memory",
        "available memory of",
        "failed to allocate",
        "bad_alloc",
        "cuda",
        "cublas",
        "cudnn",
    ]
    .iter()
    .any(|sign| reason.contains(sign))
}
