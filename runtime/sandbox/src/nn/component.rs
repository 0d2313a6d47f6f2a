//! `wasi:nn` for components: what crosses the boundary, and how. What comes of it is decided in
//! [`nn`](super).

use std::sync::Arc;

use bytes::Bytes;
use meterbox_inference::{ElementType, InputShape, Tensor, TensorError};
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, WasmList};
use wasmtime::{Result, StoreContextMut};

use super::Answer;
use crate::component::Linking;
use crate::host::Host;
use crate::models::{NnCode, OpenModel, Tensors};
use crate::tally::HostEnd;

/// A tensor as the guest gave it. A constructor cannot answer with an error, so whether the data fits
/// the dimensions is checked when the tensor is used.
struct GivenTensor {
    dimensions: Vec<u32>,
    ty: TensorType,
    data: Bytes,
}

impl GivenTensor {
    fn held_bytes(&self) -> u64 {
        super::held_bytes(self.dimensions.len(), self.data.len())
    }
}

struct Graph(Arc<dyn OpenModel>);
struct Context(Arc<dyn OpenModel>);
struct NnError(ErrorCode);

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(super) enum TensorType {
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

/// All types that `wasi:nn` has a name for.
const TYPES: [TensorType; 7] = [
    TensorType::Fp16,
    TensorType::Fp32,
    TensorType::Fp64,
    TensorType::Bf16,
    TensorType::U8,
    TensorType::I32,
    TensorType::I64,
];

/// The name of a type, if it has one: models compute with more types than there are names.
pub(super) fn tensor_type(of: ElementType) -> Option<TensorType> {
    TYPES.into_iter().find(|ty| element_type(*ty) == of)
}

fn element_type(of: TensorType) -> ElementType {
    match of {
        TensorType::Fp16 => ElementType::F16,
        TensorType::Fp32 => ElementType::F32,
        TensorType::Fp64 => ElementType::F64,
        TensorType::Bf16 => ElementType::Bf16,
        TensorType::U8 => ElementType::U8,
        TensorType::I32 => ElementType::I32,
        TensorType::I64 => ElementType::I64,
    }
}

impl From<Encoding> for super::Encoding {
    fn from(encoding: Encoding) -> super::Encoding {
        match encoding {
            Encoding::Onnx => super::Encoding::Onnx,
            Encoding::Autodetect => super::Encoding::Autodetect,
            Encoding::Openvino
            | Encoding::Tensorflow
            | Encoding::Pytorch
            | Encoding::Tensorflowlite
            | Encoding::Ggml => super::Encoding::Other,
        }
    }
}

impl From<Target> for super::Target {
    fn from(target: Target) -> super::Target {
        match target {
            Target::Cpu => super::Target::Cpu,
            Target::Gpu => super::Target::Gpu,
            Target::Tpu => super::Target::Tpu,
        }
    }
}

pub(crate) fn link(linker: &mut Linker<Host>) -> Result<()> {
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
        .resource_with("tensor", |host: &mut Host, gone: GivenTensor| {
            host.tally.release_tensors(gone.held_bytes());
        })?
        .function_on_store(
            "[constructor]tensor",
            |mut store: StoreContextMut<'_, Host>,
             (dimensions, ty, data): (WasmList<u32>, TensorType, WasmList<u8>)| {
                let host = store.data_mut();
                let dimension_bytes = dimensions.len().saturating_mul(4);
                host.bytes_out(data.len().saturating_add(dimension_bytes))?;
                super::hold(host, dimensions.len(), data.len())?;
                // Copied once, from the guest's memory to where models are computed.
                let data = store.data().models.keep(data.as_le_slice(&store));
                let dimensions = dimensions.as_le_slice(&store).iter();
                let given = GivenTensor {
                    dimensions: dimensions.copied().map(u32::from_le).collect(),
                    ty,
                    data,
                };
                Ok((store.data_mut().open(given)?,))
            },
        )?
        .function(
            "[method]tensor.dimensions",
            |host: &mut Host, (tensor,): (Resource<GivenTensor>,)| {
                let rank = host.resources.get(&tensor)?.dimensions.len();
                host.bytes_in(rank.saturating_mul(4))?;
                Ok((host.resources.get(&tensor)?.dimensions.clone(),))
            },
        )?
        .function(
            "[method]tensor.ty",
            |host: &mut Host, (tensor,): (Resource<GivenTensor>,)| {
                Ok((host.resources.get(&tensor)?.ty,))
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
                let part = match &parts[..] {
                    [part] => Some(part.as_slice()),
                    _ => None,
                };
                let loaded = super::load(host, part, encoding.into(), target.into())?;
                Ok((answer(host, loaded)?,))
            },
        )?
        .function("load-by-name", |host: &mut Host, (name,): (String,)| {
            host.bytes_out(name.len())?;
            let loaded = super::load_by_name(host, &name)?;
            Ok((answer(host, loaded)?,))
        })?
        .function(
            "[method]graph.init-execution-context",
            |host: &mut Host, (graph,): (Resource<Graph>,)| {
                let model = Arc::clone(&host.resources.get(&graph)?.0);
                Ok((Fallible::Ok(host.open(Context(model))?),))
            },
        )?;

    Linking::of(linker, "wasi:nn/inference")?
        .resource::<Context>("graph-execution-context")?
        .function(
            "[method]graph-execution-context.compute",
            |host: &mut Host, (context, inputs): (Resource<Context>, Vec<Named>)| {
                let model = Arc::clone(&host.resources.get(&context)?.0);
                let outputs = match compute(host, &*model, inputs)? {
                    Ok(outputs) => Ok(given(host, outputs)?),
                    Err(code) => Err(host.open(NnError(code.into()))?),
                };
                Ok((outputs,))
            },
        )?;
    Ok(())
}

fn answer(
    host: &mut Host,
    loaded: std::result::Result<Arc<dyn OpenModel>, NnCode>,
) -> Result<Fallible<Resource<Graph>>> {
    Ok(match loaded {
        Ok(model) => Ok(host.open(Graph(model))?),
        Err(code) => Err(host.open(NnError(code.into()))?),
    })
}

/// A named tensor, as it crosses the boundary.
type Named = (String, Resource<GivenTensor>);

/// Computes on tensors that the guest gives away, whatever comes of it.
fn compute(host: &mut Host, model: &dyn OpenModel, inputs: Vec<Named>) -> Result<Outputs> {
    super::charge_inputs(host, inputs.iter().map(|(name, _)| name.as_str()))?;
    let mut taken_bytes = 0u64;
    let mut named = Vec::with_capacity(inputs.len());
    for (name, tensor) in inputs {
        let given = host.resources.delete(tensor)?;
        taken_bytes = taken_bytes.saturating_add(given.held_bytes());
        let tensor = Tensor::new(given.dimensions, element_type(given.ty), given.data);
        named.push(tensor.map(|tensor| (name, tensor)));
    }
    let computed = match named.into_iter().collect() {
        Ok(named) => compute_named(host, model, named)?,
        Err(error) => {
            let error: TensorError = error;
            host.refused(&format!("an inference failed: {error}"));
            Err(NnCode::InvalidArgument)
        }
    };
    host.tally.release_tensors(taken_bytes);
    Ok(computed)
}

type Outputs = std::result::Result<Tensors, NnCode>;

fn compute_named(host: &mut Host, model: &dyn OpenModel, inputs: Tensors) -> Answer<Tensors> {
    let shapes: Vec<InputShape<'_>> = inputs
        .iter()
        .map(|(name, tensor)| InputShape {
            name,
            dimensions: tensor.dimensions(),
            element_type: tensor.element_type(),
        })
        .collect();
    match super::charge_call(host, model, &shapes)? {
        Ok(charged) => super::compute(host, model, charged, inputs),
        Err(code) => Ok(Err(code)),
    }
}

/// Hands outputs over, each under a handle.
fn given(host: &mut Host, outputs: Tensors) -> Result<Vec<Named>, HostEnd> {
    let mut handles = Vec::with_capacity(outputs.len());
    for (name, tensor) in outputs {
        let ty = tensor_type(tensor.element_type())
            .ok_or_else(|| HostEnd::Fault("an output has a type without a name".into()))?;
        let given = GivenTensor {
            dimensions: tensor.dimensions().to_vec(),
            ty,
            data: tensor.into_data(),
        };
        handles.push((name, host.open(given)?));
    }
    Ok(handles)
}
