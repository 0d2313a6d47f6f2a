//! A loaded model: running it on named tensors, and what it gives back.

use crate::bindings::wasi::nn::errors::Error as RawError;
use crate::bindings::wasi::nn::graph::{self, ExecutionTarget, Graph, GraphEncoding};
use crate::bindings::wasi::nn::inference::GraphExecutionContext;
use crate::bindings::wasi::nn::tensor::{Tensor as RawTensor, TensorType};
use crate::nn::{AnyTensor, Element, Tensor};
use crate::{Error, Result};

pub use crate::bindings::wasi::nn::errors::ErrorCode;

/// A loaded model. Load it once, and run it as often as needed.
#[derive(Debug)]
pub struct Model {
    name: String,
    context: GraphExecutionContext,
    // Behind the context, which is dropped first.
    _graph: Graph,
}

impl Model {
    /// Loads the model that is the input of this name.
    ///
    /// # Errors
    /// [`Error::Model`] with [`ErrorCode::NotFound`] if there is no such input, with
    /// [`ErrorCode::InvalidEncoding`] if it is no ONNX model, or as the provider says.
    pub fn by_name(name: &str) -> Result<Self> {
        Self::ready(name, graph::load_by_name(name))
    }

    /// Loads an ONNX model that the job itself has in memory.
    ///
    /// # Errors
    /// As for [`by_name`](Self::by_name).
    pub fn from_onnx(bytes: Vec<u8>) -> Result<Self> {
        let graph = graph::load(&[bytes], GraphEncoding::Onnx, ExecutionTarget::Cpu);
        Self::ready("the job's own", graph)
    }

    fn ready(name: &str, graph: Result<Graph, RawError>) -> Result<Self> {
        let failed = |error| failure(format!("loading the model `{name}`"), &error);
        let graph = graph.map_err(failed)?;
        let context = graph.init_execution_context().map_err(failed)?;
        Ok(Self {
            name: name.to_string(),
            context,
            _graph: graph,
        })
    }

    /// Runs the model on these tensors, each under the name of a model's input.
    ///
    /// # Errors
    /// [`Error::Model`], with [`ErrorCode::InvalidArgument`] if a name, type or shape is not the
    /// model's.
    pub fn run(&self, inputs: &[(&str, &dyn AnyTensor)]) -> Result<Outputs> {
        let inputs = inputs
            .iter()
            .map(|(name, tensor)| (name.to_string(), tensor.to_raw()));
        let tensors = self
            .context
            .compute(inputs.collect())
            .map_err(|error| failure(format!("running the model `{}`", self.name), &error))?;
        Ok(Outputs { tensors })
    }
}

/// What a run of a model gave. The bytes of an output move only when it is asked for.
#[derive(Debug)]
pub struct Outputs {
    tensors: Vec<(String, RawTensor)>,
}

impl Outputs {
    /// The names of all outputs, in the model's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// The output of this name.
    ///
    /// # Errors
    /// [`Error::ModelOutput`] if there is none or if its elements are of another type,
    /// [`Error::Shape`] if it is not as long as its shape says.
    pub fn get<T: Element>(&self, name: &str) -> Result<Tensor<T>> {
        let tensor = self.find(name)?;
        let found = tensor.ty();
        if found != T::TYPE {
            let (expected, found) = (type_name(T::TYPE), type_name(found));
            return Err(unexpected(
                name,
                format!("of {expected}"),
                format!("of {found}"),
            ));
        }
        Tensor::from_bytes(tensor.dimensions(), &tensor.data())
    }

    /// The output of this name, of exactly this shape.
    ///
    /// # Errors
    /// As for [`get`](Self::get), and [`Error::ModelOutput`] if the shape is another.
    pub fn get_shaped<T: Element>(&self, name: &str, shape: &[u32]) -> Result<Tensor<T>> {
        let found = self.find(name)?.dimensions();
        if found != shape {
            let text = |shape: &[u32]| format!("of shape {shape:?}");
            return Err(unexpected(name, text(shape), text(&found)));
        }
        self.get(name)
    }

    fn find(&self, name: &str) -> Result<&RawTensor> {
        let found = self.tensors.iter().find(|(found, _)| found == name);
        found.map(|(_, tensor)| tensor).ok_or_else(|| {
            let names: Vec<_> = self.names().map(|name| format!("`{name}`")).collect();
            let found = format!("not there, only {}", names.join(", "));
            unexpected(name, "a tensor of that name".to_string(), found)
        })
    }
}

impl ErrorCode {
    /// The code as `wasi:nn` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid-argument",
            Self::InvalidEncoding => "invalid-encoding",
            Self::Timeout => "timeout",
            Self::RuntimeError => "runtime-error",
            Self::UnsupportedOperation => "unsupported-operation",
            Self::TooLarge => "too-large",
            Self::NotFound => "not-found",
            Self::Security => "security",
            Self::Unknown => "unknown",
        }
    }
}

fn unexpected(name: &str, expected: String, found: String) -> Error {
    Error::ModelOutput {
        name: name.to_string(),
        expected,
        found,
    }
}

fn failure(what: String, error: &RawError) -> Error {
    Error::Model {
        what,
        code: error.code(),
        detail: error.data(),
    }
}

fn type_name(of: TensorType) -> &'static str {
    match of {
        TensorType::Fp16 => "f16",
        TensorType::Fp32 => "f32",
        TensorType::Fp64 => "f64",
        TensorType::Bf16 => "bf16",
        TensorType::U8 => "u8",
        TensorType::I32 => "i32",
        TensorType::I64 => "i64",
    }
}
