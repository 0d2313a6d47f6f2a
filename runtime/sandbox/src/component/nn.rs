//! `wasi:nn`: models are the job's inputs, by name, or bytes that the guest brings. Each inference is
//! charged from the model and the actual shapes before anything is computed.
//!
//! A guest sees error codes; what a backend has to say stays here.

use std::sync::Arc;

use meterbox_inference::{
    Cost, ElementType, InputShape, Operations, PREPARATION_OPERATIONS_PER_BYTE, Tensor, TensorError,
};
use sha2::{Digest, Sha256};
use wasmtime::Result;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};

use super::Linking;
use crate::host::{Host, wide};
use crate::models::{
    Denied, Device, ModelFacts, NnCode, OpenModel, Source, Tensors, tensor_digest,
};
use crate::outcome::InferenceCall;
use crate::tally::HostEnd;

/// A tensor as the guest gave it. A constructor cannot answer with an error, so whether the data fits
/// the dimensions is checked when the tensor is used.
struct GivenTensor {
    dimensions: Vec<u32>,
    element_type: ElementType,
    data: Vec<u8>,
}

impl From<Tensor> for GivenTensor {
    fn from(tensor: Tensor) -> GivenTensor {
        GivenTensor {
            dimensions: tensor.dimensions().to_vec(),
            element_type: tensor.element_type(),
            data: tensor.into_data(),
        }
    }
}

struct Graph(Arc<dyn OpenModel>);
struct Context(Arc<dyn OpenModel>);
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

impl From<NnCode> for ErrorCode {
    fn from(code: NnCode) -> ErrorCode {
        match code {
            NnCode::InvalidArgument => ErrorCode::InvalidArgument,
            NnCode::InvalidEncoding => ErrorCode::InvalidEncoding,
            NnCode::RuntimeError => ErrorCode::RuntimeError,
            NnCode::UnsupportedOperation => ErrorCode::UnsupportedOperation,
            NnCode::TooLarge => ErrorCode::TooLarge,
            NnCode::NotFound => ErrorCode::NotFound,
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

impl From<ElementType> for TensorType {
    fn from(ty: ElementType) -> TensorType {
        match ty {
            ElementType::F16 => TensorType::Fp16,
            ElementType::F32 => TensorType::Fp32,
            ElementType::F64 => TensorType::Fp64,
            ElementType::Bf16 => TensorType::Bf16,
            ElementType::U8 => TensorType::U8,
            ElementType::I32 => TensorType::I32,
            ElementType::I64 => TensorType::I64,
        }
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
                    element_type: ty.into(),
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
                Ok((TensorType::from(host.resources.get(&tensor)?.element_type),))
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
                named.push(Tensor::new(dimensions, element_type, data).map(|tensor| (name, tensor)));
            }
            let computed = match named.into_iter().collect() {
                Ok(_) if !are_named => Err(ErrorCode::InvalidArgument),
                Ok(named) => compute(host, &*model, named)?,
                Err(error) => {
                    let error: TensorError = error;
                    host.refused(&format!("an inference failed: {error}"));
                    Err(ErrorCode::InvalidArgument)
                }
            };
            let outputs = match computed {
                Ok(outputs) => {
                    let mut handles = Vec::with_capacity(outputs.len());
                    for (name, tensor) in outputs {
                        host.bytes_in(name.len())?;
                        handles.push((name, host.open(GivenTensor::from(tensor))?));
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

type Loaded = std::result::Result<Arc<dyn OpenModel>, ErrorCode>;

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
    let device = match target {
        Target::Cpu => Device::Cpu,
        Target::Gpu => Device::Gpu,
        Target::Tpu => return Ok(Err(ErrorCode::UnsupportedOperation)),
    };
    let [bytes] = parts else {
        return Ok(Err(ErrorCode::InvalidArgument));
    };
    charge_loading(host, wide(bytes.len()))?;
    let sha256 = Sha256::digest(bytes).into();
    open(host, "(bytes)", &Source::Given { sha256, bytes }, device)
}

fn load_by_name(host: &mut Host, name: &str) -> Result<Loaded, HostEnd> {
    let Some(input) = host.input(name).cloned() else {
        return Ok(Err(ErrorCode::NotFound));
    };
    charge_loading(host, input.blob.size())?;
    open(host, name, &Source::Input(&input), host.job.device)
}

/// Opens a model whose bytes have been charged, and charges the rest of its preparation.
fn open(
    host: &mut Host,
    name: &str,
    source: &Source<'_>,
    device: Device,
) -> Result<Loaded, HostEnd> {
    match Arc::clone(&host.models).open(source, device)? {
        Ok(model) if !are_named(model.facts()) => {
            host.refused(&format!(
                "the model `{name}` has names of tensors that are too long"
            ));
            Ok(Err(ErrorCode::TooLarge))
        }
        Ok(model) => {
            let facts = model.facts();
            let of_bytes = facts
                .size_bytes
                .saturating_mul(PREPARATION_OPERATIONS_PER_BYTE);
            charge_operations(host, facts.preparation_units.saturating_sub(of_bytes))?;
            Ok(Ok(model))
        }
        Err(denied) => {
            host.refused(&format!(
                "the model `{name}` was refused: {}",
                denied.reason
            ));
            Ok(Err(denied.code.into()))
        }
    }
}

/// Bytes of a tensor's name: each inference is recorded with the names of its tensors.
const NAME_BYTES_MAX: usize = 1_024;

fn are_named(model: &ModelFacts) -> bool {
    let mut names = model.inputs.iter().chain(&model.outputs);
    names.all(|name| name.len() <= NAME_BYTES_MAX)
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

/// What a guest learns of a failed inference. What a backend says goes to the observer only.
fn failed(host: &Host, denied: &Denied) -> ErrorCode {
    host.refused(&format!("an inference failed: {}", denied.reason));
    denied.code.into()
}

type Computed = std::result::Result<Tensors, ErrorCode>;

fn compute(host: &mut Host, model: &dyn OpenModel, inputs: Tensors) -> Result<Computed, HostEnd> {
    let shapes: Vec<InputShape<'_>> = inputs
        .iter()
        .map(|(name, tensor)| InputShape {
            name,
            dimensions: tensor.dimensions(),
            element_type: tensor.element_type(),
        })
        .collect();
    let cost = match model.cost(&shapes)? {
        Ok(cost) => cost,
        Err(denied) => return Ok(Err(failed(host, &denied))),
    };
    let facts = model.facts();
    // A backend prepares the model again for each further combination of input shapes.
    if host.is_new_shape(facts.sha256, &shapes) {
        charge_operations(host, facts.preparation_units)?;
    }
    host.tally.inference(&cost, &host.limits)?;
    let mut input_digests = Vec::new();
    let computed = model.compute(inputs, &mut |inputs| input_digests = digests(inputs))?;
    // What a call gave steers the guest, a failure as well.
    host.transcript.push(InferenceCall {
        model: facts.sha256,
        inputs: input_digests,
        outputs: computed.as_ref().map(digests).unwrap_or_default(),
        failed: computed.as_ref().err().map(|denied| denied.code),
        cost,
    });
    Ok(computed.map_err(|denied| failed(host, &denied)))
}

fn digests(tensors: &Tensors) -> Vec<(String, [u8; 32])> {
    tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor_digest(tensor)))
        .collect()
}
