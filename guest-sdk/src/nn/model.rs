//! A loaded model, and running it on named tensors. What it gives back is in `outputs.rs`.

use std::rc::Rc;

use crate::bindings::wasi::nn::errors::Error as RawError;
use crate::bindings::wasi::nn::graph::{self, ExecutionTarget, Graph, GraphEncoding};
use crate::bindings::wasi::nn::inference::GraphExecutionContext;
use crate::nn::{AnyTensor, Held, Outputs, Recording};
use crate::{Error, Result};

pub use crate::bindings::wasi::nn::errors::ErrorCode;

/// What a model runs on. Whoever asks for a device gets that device, or an error; never another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The provider's processor.
    #[default]
    Cpu,
    /// The provider's graphics processor.
    Gpu,
    /// A processor for tensors.
    Tpu,
}

/// A loaded model. Load it once, and run it as often as needed.
#[derive(Debug)]
pub struct Model {
    name: String,
    context: GraphExecutionContext,
    recording: Option<Rc<Recording>>,
    // Behind the context, which is dropped first.
    _graph: Graph,
}

impl Model {
    /// Loads the model that is the input of this name. This is the way to load one: its bytes never
    /// enter the job, and the provider shares it with other runs. It runs where the order says.
    ///
    /// # Errors
    /// [`Error::Model`] with [`ErrorCode::NotFound`] if there is no such input, with
    /// [`ErrorCode::InvalidEncoding`] if it is no ONNX model, or as the provider says.
    pub fn by_name(name: &str) -> Result<Self> {
        Self::ready(name, graph::load_by_name(name))
    }

    /// Loads an ONNX model that the job itself has in memory, to run on the processor.
    ///
    /// # Errors
    /// As for [`by_name`](Self::by_name).
    pub fn from_onnx(bytes: Vec<u8>) -> Result<Self> {
        Self::from_onnx_on(Device::Cpu, bytes)
    }

    /// Loads an ONNX model that the job itself has in memory, to run on this device.
    ///
    /// # Errors
    /// As for [`by_name`](Self::by_name), and [`Error::Model`] with [`ErrorCode::UnsupportedOperation`] if
    /// the provider has no such device for the job.
    pub fn from_onnx_on(device: Device, bytes: Vec<u8>) -> Result<Self> {
        let target = match device {
            Device::Cpu => ExecutionTarget::Cpu,
            Device::Gpu => ExecutionTarget::Gpu,
            Device::Tpu => ExecutionTarget::Tpu,
        };
        let graph = graph::load(&[bytes], GraphEncoding::Onnx, target);
        Self::ready("the job's own", graph)
    }

    fn ready(name: &str, graph: Result<Graph, RawError>) -> Result<Self> {
        let failed = |error| failure(format!("loading the model `{name}`"), &error);
        let graph = graph.map_err(failed)?;
        let context = graph.init_execution_context().map_err(failed)?;
        Ok(Self {
            name: name.to_string(),
            context,
            recording: None,
            _graph: graph,
        })
    }

    /// The name under which it was loaded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// From now on, writes what goes into the model and what comes out to this recording.
    pub fn record_to(&mut self, recording: &Rc<Recording>) {
        self.recording = Some(Rc::clone(recording));
    }

    /// Runs the model on these tensors, each under the name of a model's input.
    ///
    /// # Errors
    /// [`Error::Model`], with [`ErrorCode::InvalidArgument`] if a name, type or shape is not the
    /// model's.
    pub fn run(&self, inputs: &[(&str, &dyn AnyTensor)]) -> Result<Outputs> {
        self.run_with(inputs, [])
    }

    /// Runs the model on these tensors and on what earlier runs gave and the provider still holds: a
    /// state, for instance, that goes from call to call.
    ///
    /// ```no_run
    /// # fn of(windows: Vec<Vec<f32>>) -> meterbox_guest::Result<()> {
    /// use meterbox_guest::nn::{Held, Model, Tensor, View};
    ///
    /// let model = Model::by_name("model")?;
    /// let mut state = Held::new(&Tensor::<f32>::zeros([2, 1, 128])?)?;
    /// for window in windows {
    ///     let input = View::new([1, 576], &window)?;
    ///     let mut outputs = model.run_with(&[("input", &input)], [("state", state)])?;
    ///     state = outputs.take("next state")?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn run_with<'a>(
        &self,
        inputs: &[(&str, &dyn AnyTensor)],
        held: impl IntoIterator<Item = (&'a str, Held)>,
    ) -> Result<Outputs> {
        let mut named = Vec::with_capacity(inputs.len() + 1);
        if let Some(recording) = &self.recording {
            recording.begin_call();
        }
        for (name, tensor) in inputs {
            let parts = tensor.parts()?;
            if let Some(recording) = &self.recording {
                recording.given(&self.name, name, &parts);
            }
            named.push((name.to_string(), parts.to_raw()));
        }
        for (name, held) in held {
            if let Some(recording) = &self.recording {
                recording.held("in", &self.name, name, held.raw())?;
            }
            named.push((name.to_string(), held.into_raw()));
        }
        let tensors = self
            .context
            .compute(named)
            .map_err(|error| failure(format!("running the model `{}`", self.name), &error))?;
        if let Some(recording) = &self.recording {
            for (name, tensor) in &tensors {
                recording.held("out", &self.name, name, tensor)?;
            }
        }
        Ok(Outputs::new(tensors))
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

fn failure(what: String, error: &RawError) -> Error {
    Error::Model {
        what,
        code: error.code(),
        detail: error.data(),
    }
}
