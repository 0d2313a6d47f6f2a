//! Owns the `tract` backend: one thread, this processor, no system library. Knows no costs.

use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::backend::{Backend, Plan, TensorShape};
use crate::element::ElementType;
use crate::tensor::Tensor as BoundaryTensor;

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
        let mut model = onnx()
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

impl Backend for TractBackend {
    fn prepare(&self, inputs: &[TensorShape]) -> Result<Arc<dyn Plan>, String> {
        if inputs.len() != self.inputs {
            return Err(format!(
                "{} inputs were given, {} are needed",
                inputs.len(),
                self.inputs
            ));
        }
        let mut model = self.model.clone();
        let prepared = inputs
            .iter()
            .enumerate()
            .try_for_each(|(index, input)| {
                let fact = InferenceFact::dt_shape(
                    datum_type(input.element_type)?,
                    sizes(&input.dimensions)?,
                );
                model.set_input_fact(index, fact)
            })
            .and_then(|()| model.into_optimized())
            .and_then(IntoRunnable::into_runnable)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Arc::new(TractPlan { runnable: prepared }))
    }
}

struct TractPlan {
    runnable: Arc<TypedRunnableModel>,
}

impl Plan for TractPlan {
    fn run(&self, inputs: Vec<BoundaryTensor>) -> Result<Vec<BoundaryTensor>, String> {
        inputs
            .into_iter()
            .map(into_tract)
            .collect::<TractResult<TVec<TValue>>>()
            .and_then(|inputs| self.runnable.run(inputs))
            .and_then(|outputs| outputs.iter().map(|output| from_tract(output)).collect())
            .map_err(|error| format!("{error:#}"))
    }
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

/// The one copy on the way in: tract wants its own alignment.
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
    Ok(copy.into_tvalue())
}

/// The one copy on the way out.
fn from_tract(tensor: &Tensor) -> TractResult<BoundaryTensor> {
    if tensor.datum_type() == DatumType::TDim {
        return from_tract(tensor.cast_to::<i64>()?.as_ref()); // tract's own type for numbers about shapes
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
        tensor.as_bytes().to_vec(),
    )?)
}
