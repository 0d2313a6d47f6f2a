//! `wasi:nn`: models are the job's inputs, by name, or bytes that the guest brings. Each inference is
//! charged from the model and the actual shapes before anything is computed.
//!
//! A guest sees error codes; what a backend has to say stays here.

use std::sync::Arc;

use meterbox_inference::{
    ComputeError, Cost, ElementType, InputShape, Model, ModelError, Operations,
    PREPARATION_OPERATIONS_PER_BYTE, Tensor, TensorError,
};
use sha2::{Digest, Sha256};
use wasmtime::Result;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};

use super::Linking;
use crate::host::{Host, wide};
use crate::outcome::InferenceCall;
use crate::tally::HostEnd;

/// A tensor as the guest gave it. A constructor cannot answer with an error, so whether the data fits
/// the dimensions is checked when the tensor is used.
struct GivenTensor {
    dimensions: Vec<u32>,
    element_type: TensorType,
    data: Vec<u8>,
}

impl TryFrom<Tensor> for GivenTensor {
    type Error = ErrorCode;

    fn try_from(tensor: Tensor) -> std::result::Result<GivenTensor, ErrorCode> {
        Ok(GivenTensor {
            element_type: named(tensor.element_type()).ok_or(ErrorCode::UnsupportedOperation)?,
            dimensions: tensor.dimensions().to_vec(),
            data: tensor.into_data(),
        })
    }
}

struct Graph(Arc<Model>);
struct Context(Arc<Model>);
struct NnError(ErrorCode);

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum TensorType {
    #[component(name = "FP16")]
    Fp16,
    #[component(name = "FP32")]
    Fp32,
    #[component(name = "FP64")]
    Fp64,
    #[component(name = "BF16")]
    Bf16,
    #[component(name = "U8")]
    U8,
    #[component(name = "I32")]
    I32,
    #[component(name = "I64")]
    I64,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[expect(
    dead_code,
    reason = "the interface has cases that are only ever lifted, or never given"
)]
enum Encoding {
    #[component(name = "openvino")]
    Openvino,
    #[component(name = "onnx")]
    Onnx,
    #[component(name = "tensorflow")]
    Tensorflow,
    #[component(name = "pytorch")]
    Pytorch,
    #[component(name = "tensorflowlite")]
    Tensorflowlite,
    #[component(name = "ggml")]
    Ggml,
    #[component(name = "autodetect")]
    Autodetect,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[expect(
    dead_code,
    reason = "the interface has cases that are only ever lifted, or never given"
)]
enum Target {
    #[component(name = "cpu")]
    Cpu,
    #[component(name = "gpu")]
    Gpu,
    #[component(name = "tpu")]
    Tpu,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
#[expect(
    dead_code,
    reason = "the interface has cases that are only ever lifted, or never given"
)]
enum ErrorCode {
    #[component(name = "invalid-argument")]
    InvalidArgument,
    #[component(name = "invalid-encoding")]
    InvalidEncoding,
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "runtime-error")]
    RuntimeError,
    #[component(name = "unsupported-operation")]
    UnsupportedOperation,
    #[component(name = "too-large")]
    TooLarge,
    #[component(name = "not-found")]
    NotFound,
    #[component(name = "security")]
    Security,
    #[component(name = "unknown")]
    Unknown,
}

impl ErrorCode {
    /// The code's own name: all that a guest learns.
    fn text(self) -> &'static str {
        match self {
            ErrorCode::InvalidArgument => "invalid argument",
            ErrorCode::InvalidEncoding => "invalid encoding",
            ErrorCode::Timeout => "timeout",
            ErrorCode::RuntimeError => "runtime error",
            ErrorCode::UnsupportedOperation => "unsupported operation",
            ErrorCode::TooLarge => "too large",
            ErrorCode::NotFound => "not found",
            ErrorCode::Security => "security",
            ErrorCode::Unknown => "unknown",
        }
    }
}

type Fallible<T> = std::result::Result<T, Resource<NnError>>;

impl From<TensorType> for ElementType {
    fn from(ty: TensorType) -> ElementType {
        match ty {
            TensorType::Fp16 => ElementType::F16,
            TensorType::Fp32 => ElementType::F32,
            TensorType::Fp64 => ElementType::F64,
            TensorType::Bf16 => ElementType::Bf16,
            TensorType::U8 => ElementType::U8,
            TensorType::I32 => ElementType::I32,
            TensorType::I64 => ElementType::I64,
        }
    }
}

/// The interface's name for a type. It has seven; models compute with more.
fn named(element_type: ElementType) -> Option<TensorType> {
    match element_type {
        ElementType::F16 => Some(TensorType::Fp16),
        ElementType::F32 => Some(TensorType::Fp32),
        ElementType::F64 => Some(TensorType::Fp64),
        ElementType::Bf16 => Some(TensorType::Bf16),
        ElementType::U8 => Some(TensorType::U8),
        ElementType::I32 => Some(TensorType::I32),
        ElementType::I64 => Some(TensorType::I64),
        ElementType::I16
        | ElementType::I8
        | ElementType::I4
        | ElementType::U64
        | ElementType::U32
        | ElementType::U16
        | ElementType::U4
        | ElementType::Bool => None,
    }
}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "wasi:nn/errors")?
        .resource::<NnError>("error")?
        .function(
            "[method]error.code",
            |host: &mut Host, (error,): (Resource<NnError>,)| Ok((host.resources.get(&error)?.0,)),
        )?
        .function(
            "[method]error.data",
            |host: &mut Host, (error,): (Resource<NnError>,)| {
                let text = host.resources.get(&error)?.0.text();
                host.bytes_in(text.len())?;
                Ok((text.to_string(),))
            },
        )?;

    Linking::of(linker, "wasi:nn/tensor")?
        .resource::<GivenTensor>("tensor")?
        .function(
            "[constructor]tensor",
            |host: &mut Host, (dimensions, ty, data): (Vec<u32>, TensorType, Vec<u8>)| {
                host.bytes_out(
                    data.len()
                        .saturating_add(dimensions.len().saturating_mul(4)),
                )?;
                Ok((host.open(GivenTensor {
                    dimensions,
                    element_type: ty,
                    data,
                })?,))
            },
        )?
        .function(
            "[method]tensor.dimensions",
            |host: &mut Host, (tensor,): (Resource<GivenTensor>,)| {
                let dimensions = host.resources.get(&tensor)?.dimensions.clone();
                host.bytes_in(dimensions.len().saturating_mul(4))?;
                Ok((dimensions,))
            },
        )?
        .function(
            "[method]tensor.ty",
            |host: &mut Host, (tensor,): (Resource<GivenTensor>,)| {
                Ok((host.resources.get(&tensor)?.element_type,))
            },
        )?
        .function(
            "[method]tensor.data",
            |host: &mut Host, (tensor,): (Resource<GivenTensor>,)| {
                let bytes = host.resources.get(&tensor)?.data.len();
                host.bytes_in(bytes)?;
                Ok((host.resources.get(&tensor)?.data.clone(),))
            },
        )?;

    Linking::of(linker, "wasi:nn/graph")?
        .resource::<Graph>("graph")?
        .function(
            "load",
            |host: &mut Host, (parts, encoding, target): (Vec<Vec<u8>>, Encoding, Target)| {
                host.bytes_out(parts.iter().map(Vec::len).fold(0, usize::saturating_add))?;
                let loaded = load(host, &parts, encoding, target)?;
                Ok((answer(host, loaded)?,))
            },
        )?
        .function("load-by-name", |host: &mut Host, (name,): (String,)| {
            host.bytes_out(name.len())?;
            let loaded = load_by_name(host, &name)?;
            Ok((answer(host, loaded)?,))
        })?
        .function(
            "[method]graph.init-execution-context",
            |host: &mut Host, (graph,): (Resource<Graph>,)| {
                let model = Arc::clone(&host.resources.get(&graph)?.0);
                Ok((Fallible::Ok(host.open(Context(model))?),))
            },
        )?;

    Linking::of(linker, "wasi:nn/inference")?.resource::<Context>("graph-execution-context")?.function(
        "[method]graph-execution-context.compute",
        |host: &mut Host, (context, inputs): (Resource<Context>, Vec<(String, Resource<GivenTensor>)>)| {
            let model = Arc::clone(&host.resources.get(&context)?.0);
            // The call takes the tensors over, whatever comes of it.
            let mut named = Vec::with_capacity(inputs.len());
            let are_named = inputs.iter().all(|(name, _)| name.len() <= NAME_BYTES_MAX);
            for (name, tensor) in inputs {
                host.bytes_out(name.len())?;
                let GivenTensor { dimensions, element_type, data } = host.resources.delete(tensor)?;
                named.push(Tensor::new(dimensions, element_type.into(), data).map(|tensor| (name, tensor)));
            }
            let computed = match named.into_iter().collect() {
                Ok(_) if !are_named => Err(ErrorCode::InvalidArgument),
                Ok(named) => compute(host, &model, named)?,
                Err(error) => {
                    let error: TensorError = error;
                    host.refused(&format!("an inference failed: {error}"));
                    Err(ErrorCode::InvalidArgument)
                }
            };
            let given = computed.and_then(|outputs| {
                let given = outputs.into_iter().map(|(name, tensor)| Ok((name, tensor.try_into()?)));
                given.collect::<std::result::Result<Vec<(String, GivenTensor)>, ErrorCode>>()
            });
            let outputs = match given {
                Ok(outputs) => {
                    let mut handles = Vec::with_capacity(outputs.len());
                    for (name, tensor) in outputs {
                        host.bytes_in(name.len())?;
                        handles.push((name, host.open(tensor)?));
                    }
                    Ok(handles)
                }
                Err(code) => Err(host.open(NnError(code))?),
            };
            Ok((outputs,))
        },
    )?;
    Ok(())
}

type Loaded = std::result::Result<Arc<Model>, ErrorCode>;

fn answer(host: &mut Host, loaded: Loaded) -> Result<Fallible<Resource<Graph>>> {
    Ok(match loaded {
        Ok(model) => Ok(host.open(Graph(model))?),
        Err(code) => Err(host.open(NnError(code))?),
    })
}

fn load(
    host: &mut Host,
    parts: &[Vec<u8>],
    encoding: Encoding,
    target: Target,
) -> Result<Loaded, HostEnd> {
    if !matches!(encoding, Encoding::Onnx | Encoding::Autodetect) {
        return Ok(Err(ErrorCode::InvalidEncoding));
    }
    if !matches!(target, Target::Cpu) {
        // Whoever asks for a device gets that device or an error.
        return Ok(Err(ErrorCode::UnsupportedOperation));
    }
    let [bytes] = parts else {
        return Ok(Err(ErrorCode::InvalidArgument));
    };
    charge_loading(host, wide(bytes.len()))?;
    let sha256 = Sha256::digest(bytes).into();
    let loaded = host
        .models
        .get(sha256, || Ok::<_, HostEnd>(bytes.clone()))?;
    prepared(host, "(bytes)", loaded)
}

fn load_by_name(host: &mut Host, name: &str) -> Result<Loaded, HostEnd> {
    let Some(input) = host.input(name).cloned() else {
        return Ok(Err(ErrorCode::NotFound));
    };
    charge_loading(host, input.blob.size())?;
    let models = Arc::clone(&host.models);
    let loaded = models.get(input.sha256, || {
        let size = usize::try_from(input.blob.size()).map_err(|_| HostEnd::Limit("model_bytes"))?;
        let mut bytes = vec![0; size];
        input.blob.read_at(0, &mut bytes).map_err(|error| {
            HostEnd::Fault(format!("reading the model `{name}` failed: {error}"))
        })?;
        Ok::<_, HostEnd>(bytes)
    })?;
    prepared(host, name, loaded)
}

/// Bytes of a tensor's name: each inference is recorded with the names of its tensors.
const NAME_BYTES_MAX: usize = 1_024;

fn are_named(model: &Model) -> bool {
    let mut ports = model.inputs().iter().chain(model.outputs());
    ports.all(|port| port.name.len() <= NAME_BYTES_MAX)
}

fn prepared(
    host: &mut Host,
    name: &str,
    loaded: std::result::Result<Arc<Model>, ModelError>,
) -> Result<Loaded, HostEnd> {
    match loaded {
        Ok(model) if !are_named(&model) => {
            host.refused(&format!(
                "the model `{name}` has names of tensors that are too long"
            ));
            Ok(Err(ErrorCode::TooLarge))
        }
        Ok(model) => {
            let of_bytes = model
                .size_bytes()
                .saturating_mul(PREPARATION_OPERATIONS_PER_BYTE);
            charge_operations(host, model.preparation_units().saturating_sub(of_bytes))?;
            Ok(Ok(model))
        }
        Err(error) => {
            host.refused(&format!("the model `{name}` was refused: {error}"));
            Ok(Err(model_error_code(&error)))
        }
    }
}

/// Charges a model's bytes, before they are looked at: what is refused has been looked at, too.
fn charge_loading(host: &mut Host, bytes: u64) -> Result<(), HostEnd> {
    host.tally.model(bytes, &host.limits)?;
    charge_operations(host, bytes.saturating_mul(PREPARATION_OPERATIONS_PER_BYTE))
}

/// Charges operations of preparing a model, whether or not it was at hand.
fn charge_operations(host: &mut Host, operations: u64) -> Result<(), HostEnd> {
    let operations = Operations {
        f32: operations,
        ..Operations::default()
    };
    host.tally.inference(
        &Cost {
            operations,
            ..Cost::default()
        },
        &host.limits,
    )
}

fn model_error_code(error: &ModelError) -> ErrorCode {
    match error {
        ModelError::TooLarge { .. }
        | ModelError::TooManyFields { .. }
        | ModelError::TooManyDeclarations { .. }
        | ModelError::TooManyNodes { .. } => ErrorCode::TooLarge,
        ModelError::PortCount { .. }
        | ModelError::Malformed(_)
        | ModelError::InvalidNode { .. }
        | ModelError::InvalidValue { .. } => ErrorCode::InvalidEncoding,
        ModelError::UnsupportedFeature(_) | ModelError::UnsupportedOperator { .. } => {
            ErrorCode::UnsupportedOperation
        }
        ModelError::Backend(_) => ErrorCode::RuntimeError,
    }
}

/// What a guest learns of a failed inference. What a backend says goes to the observer only.
fn compute_error(host: &Host, error: &ComputeError) -> ErrorCode {
    host.refused(&format!("an inference failed: {error}"));
    match error {
        ComputeError::TooLarge { .. } | ComputeError::Overflow => ErrorCode::TooLarge,
        ComputeError::UnknownInput { .. }
        | ComputeError::DuplicateInput { .. }
        | ComputeError::MissingInput { .. }
        | ComputeError::WrongType { .. }
        | ComputeError::WrongShape { .. }
        | ComputeError::Node { .. } => ErrorCode::InvalidArgument,
        _ => ErrorCode::RuntimeError,
    }
}

type Computed = std::result::Result<Vec<(String, Tensor)>, ErrorCode>;

fn compute(
    host: &mut Host,
    model: &Model,
    inputs: Vec<(String, Tensor)>,
) -> Result<Computed, HostEnd> {
    // A result that the interface cannot name could not be handed over: nothing is charged for it.
    if let Some(port) = model
        .outputs()
        .iter()
        .find(|port| named(port.element_type).is_none())
    {
        host.refused(&format!(
            "an inference failed: output `{}` is of {}, which the interface has no name for",
            port.name, port.element_type
        ));
        return Ok(Err(ErrorCode::UnsupportedOperation));
    }
    let shapes: Vec<InputShape<'_>> = inputs
        .iter()
        .map(|(name, tensor)| InputShape {
            name,
            dimensions: tensor.dimensions(),
            element_type: tensor.element_type(),
        })
        .collect();
    let cost = match model.cost(&shapes) {
        Ok(cost) => cost,
        Err(error) => return Ok(Err(compute_error(host, &error))),
    };
    // A backend prepares the model again for each further combination of input shapes.
    if host.is_new_shape(model.digest(), &shapes) {
        charge_operations(host, model.preparation_units())?;
    }
    host.tally.inference(&cost, &host.limits)?;
    let input_digests = digests(&inputs);
    let outputs = match model.compute(inputs) {
        Ok(outputs) => outputs,
        Err(error) => return Ok(Err(compute_error(host, &error))),
    };
    host.transcript.push(InferenceCall {
        model: model.digest(),
        inputs: input_digests,
        outputs: digests(&outputs),
        cost,
    });
    Ok(Ok(outputs))
}

fn digests(tensors: &[(String, Tensor)]) -> Vec<(String, [u8; 32])> {
    tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor_digest(tensor)))
        .collect()
}

/// The sha256 of a tensor's element type, its rank, its dimensions and its data.
fn tensor_digest(tensor: &Tensor) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(tensor.element_type().name().as_bytes());
    hasher.update(wide(tensor.dimensions().len()).to_le_bytes());
    for dimension in tensor.dimensions() {
        hasher.update(dimension.to_le_bytes());
    }
    hasher.update(tensor.data());
    hasher.finalize().into()
}
