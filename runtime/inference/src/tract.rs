//! Owns the `tract` backend: one thread, this processor, no system library. Knows no costs.

mod cast;
mod choice;
mod half;
mod kept;
mod read;
mod refusals;
pub(crate) mod rewrite;
mod rules;
mod steps;
mod upper;
mod whole_sum;

use std::sync::Arc;

use bytes::Bytes;
use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::backend::{Backend, Plan, TensorShape};
use crate::element::ElementType;
use crate::engine::{Device, EngineError, EngineFacts, EngineKind, EngineSettings, Opened, Source};
use crate::refusal::Refusal;
use crate::tensor::Tensor as BoundaryTensor;

/// The version that `Cargo.toml` pins; a test reads it from the lock file.
pub(crate) const VERSION: &str = "0.23.9";

/// The engine that is built in: there is nothing to open.
pub(crate) struct TractOpened;

impl Opened for TractOpened {
    fn load(&self, source: &Source<'_>) -> Result<Box<dyn Backend>, String> {
        Ok(Box::new(TractBackend::new(source.model, source.inputs)?))
    }

    fn refusals(&self) -> &'static [Refusal] {
        refusals()
    }

    fn copies_inputs(&self) -> bool {
        true // `into_tract` does
    }
}

/// What tract computes otherwise than ONNX defines it, on whatever device.
pub(crate) fn refusals() -> &'static [Refusal] {
    refusals::REFUSALS
}

pub(crate) fn facts() -> EngineFacts {
    let settings = EngineSettings::default();
    EngineFacts {
        kind: EngineKind::Tract,
        version: VERSION.to_owned(),
        library: None,
        device: settings.device,
        device_name: None,
        threads: settings.threads,
    }
}

/// Refuses settings that the built-in engine cannot keep.
pub(crate) fn check(settings: &EngineSettings) -> Result<(), EngineError> {
    let engine = EngineKind::Tract;
    if settings.device != Device::Processor {
        return Err(EngineError::WrongDevice {
            engine,
            device: settings.device,
        });
    }
    if settings.threads.get() != 1 {
        return Err(EngineError::WrongSetting {
            engine,
            reason: "computes on one thread",
        });
    }
    Ok(())
}

/// A model as tract reads it, before any shape is known. Its weights are shared by all plans.
pub(crate) struct TractBackend {
    model: InferenceModel,
    /// Where each input of the graph lies in tract's list of inputs.
    inputs: usize,
}

impl TractBackend {
    /// Reads the model. Shapes that the file declares for values and outputs are ignored: they are
    /// often symbolic, sometimes wrong, and all follow from the inputs.
    pub(crate) fn new(model: &pb::ModelProto, inputs: &[String]) -> Result<Self, String> {
        let mut reader = onnx();
        cast::register(&mut reader.op_register);
        choice::register(&mut reader.op_register);
        steps::register(&mut reader.op_register);
        let mut model = reader
            .with_ignore_value_info(true)
            .with_ignore_output_shapes(true)
            .model_for_proto_model(model)
            .map_err(|error| format!("{error:#}"))?;
        model
            .select_inputs_by_name(inputs.iter().map(String::as_str))
            .map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            model,
            inputs: inputs.len(),
        })
    }
}

impl TractBackend {
    /// The model for inputs of these shapes, before anything is rewritten.
    pub(crate) fn with_shapes(&self, inputs: &[TensorShape]) -> Result<InferenceModel, String> {
        if inputs.len() != self.inputs {
            return Err(format!(
                "{} inputs were given, {} are needed",
                inputs.len(),
                self.inputs
            ));
        }
        let mut model = self.model.clone();
        for (index, input) in inputs.iter().enumerate() {
            datum_type(input.element_type)
                .and_then(|found| Ok(InferenceFact::dt_shape(found, sizes(&input.dimensions)?)))
                .and_then(|fact| model.set_input_fact(index, fact))
                .map_err(|error| format!("{error:#}"))?;
        }
        Ok(model)
    }
}

impl Backend for TractBackend {
    fn prepare(&self, inputs: &[TensorShape]) -> Result<Arc<dyn Plan>, String> {
        let runnable = self
            .with_shapes(inputs)?
            .into_typed()
            .and_then(|model| rewrite::guard(model, half::widen))
            .and_then(plan)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Arc::new(TractPlan { runnable }))
    }
}

/// The model with tract's kernels, ready to run.
fn plan(model: TypedModel) -> TractResult<Arc<TypedRunnableModel>> {
    rewrite::optimise(model).and_then(IntoRunnable::into_runnable)
}

struct TractPlan {
    runnable: Arc<TypedRunnableModel>,
}

impl Plan for TractPlan {
    fn run(&self, inputs: Vec<BoundaryTensor>) -> Result<Vec<BoundaryTensor>, String> {
        run(inputs, |inputs| upper::run(&self.runnable, inputs))
    }
}

/// Passes tensors to tract and back, with one copy on the way in.
pub(crate) fn run(
    inputs: Vec<BoundaryTensor>,
    compute: impl FnOnce(TVec<TValue>) -> TractResult<TVec<TValue>>,
) -> Result<Vec<BoundaryTensor>, String> {
    inputs
        .into_iter()
        .map(into_tract)
        .collect::<TractResult<TVec<TValue>>>()
        .and_then(compute)
        .and_then(|outputs| outputs.into_iter().map(from_tract).collect())
        .map_err(|error| format!("{error:#}"))
}

fn sizes(dimensions: &[u32]) -> TractResult<TVec<usize>> {
    Ok(dimensions
        .iter()
        .map(|&size| usize::try_from(size))
        .collect::<Result<_, _>>()?)
}

fn datum_type(element_type: ElementType) -> TractResult<DatumType> {
    Ok(match element_type {
        ElementType::F64 => DatumType::F64,
        ElementType::F32 => DatumType::F32,
        ElementType::F16 => DatumType::F16,
        ElementType::I64 => DatumType::I64,
        ElementType::I32 => DatumType::I32,
        ElementType::I16 => DatumType::I16,
        ElementType::I8 => DatumType::I8,
        ElementType::U64 => DatumType::U64,
        ElementType::U32 => DatumType::U32,
        ElementType::U16 => DatumType::U16,
        ElementType::U8 => DatumType::U8,
        ElementType::Bool => DatumType::Bool,
        ElementType::Bf16 | ElementType::I4 | ElementType::U4 => {
            return Err(TractError::msg(format!("{element_type} is not supported")));
        }
    })
}

/// The one copy on the way in: tract wants its own alignment. Who hands a tensor over counts on it that it is read
/// here, once, and nowhere else (see [`Opened::copies_inputs`]).
fn into_tract(tensor: BoundaryTensor) -> TractResult<TValue> {
    let datum_type = datum_type(tensor.element_type())?;
    let mut copy = Tensor::zero_dt(datum_type, &sizes(tensor.dimensions())?)?;
    let bytes = copy.as_bytes_mut();
    if bytes.len() != tensor.data().len() {
        return Err(TractError::msg(
            "an input has another length than its shape",
        ));
    }
    bytes.copy_from_slice(tensor.data());
    // What was seen when the tensor was made need not be what is there now.
    if datum_type == DatumType::Bool && bytes.iter().any(|&byte| byte > 1) {
        return Err(TractError::msg("an input has a truth value that is none"));
    }
    Ok(copy.into_tvalue())
}

/// The elements of a value of tract's, where they lie.
struct Elements(TValue);

impl AsRef<[u8]> for Elements {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn from_tract(tensor: TValue) -> TractResult<BoundaryTensor> {
    if tensor.datum_type() == DatumType::TDim {
        let numbers = tensor.cast_to::<i64>()?.into_owned(); // tract's own type for numbers about shapes
        return from_tract(numbers.into_tvalue());
    }
    let element_type = match tensor.datum_type() {
        DatumType::F64 => ElementType::F64,
        DatumType::F32 => ElementType::F32,
        DatumType::F16 => ElementType::F16,
        DatumType::I64 => ElementType::I64,
        DatumType::I32 => ElementType::I32,
        DatumType::I16 => ElementType::I16,
        DatumType::I8 => ElementType::I8,
        DatumType::U64 => ElementType::U64,
        DatumType::U32 => ElementType::U32,
        DatumType::U16 => ElementType::U16,
        DatumType::U8 => ElementType::U8,
        DatumType::Bool => ElementType::Bool,
        other => {
            return Err(TractError::msg(format!(
                "an output has elements of {other:?}"
            )));
        }
    };
    let dimensions = tensor
        .shape()
        .iter()
        .map(|&size| u32::try_from(size))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(BoundaryTensor::new(
        dimensions,
        element_type,
        Bytes::from_owner(Elements(tensor)),
    )?)
}
