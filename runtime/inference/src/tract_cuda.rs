//! Owns the `tract-cuda` backend: an NVIDIA GPU, with the kernels of tract and NVIDIA's libraries, which
//! are loaded when the engine is opened. Knows no costs.
//!
//! It reads models as the tract backend does, so it has the same list of refusals. The kernels are
//! compiled for the GPU when the engine is first opened on a machine, and kept in the user's folder
//! for caches.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::runtime::{Runnable, Runtime, runtime_for_name};

use crate::backend::{Backend, Plan, TensorShape};
use crate::cuda;
use crate::engine::{Device, EngineError, EngineFacts, EngineKind, EngineSettings, Opened, Source};
use crate::refusal::Refusal;
use crate::tensor::Tensor;
use crate::tract::{self, TractBackend};

/// The name under which `tract-cuda` makes itself known to tract; naming the crate links it.
const RUNTIME: &str = "cuda";

/// Names of tract's operators that run on the GPU, or move tensors to it and back, begin so.
const ON_GPU: [&str; 3] = ["Cuda", "Gpu", "DeviceSync"];

/// Names of tract's operators that compute nothing.
const NOTHING: [&str; 2] = ["Const", "Source"];

pub(crate) struct TractCuda;

pub(crate) fn open(settings: &EngineSettings) -> Result<(TractCuda, EngineFacts), EngineError> {
    let engine = EngineKind::TractCuda;
    let Device::Cuda {
        index,
        memory_bytes_max,
    } = settings.device
    else {
        return Err(EngineError::WrongDevice {
            engine,
            device: settings.device,
        });
    };
    let wrong = |reason| Err(EngineError::WrongSetting { engine, reason });
    if index != 0 {
        return wrong(
            "computes on the first GPU that the driver shows it: set CUDA_VISIBLE_DEVICES",
        );
    }
    if memory_bytes_max.is_some() {
        return wrong("cannot hold a limit on the GPU's memory");
    }
    if settings.threads.get() != 1 {
        return wrong("computes on one thread");
    }
    let missing = |reason: String| EngineError::DeviceMissing {
        device: settings.device,
        reason,
    };
    let gpu = cuda::find(index).map_err(missing)?;
    cuda::preload(&settings.libraries.cuda_folders).map_err(missing)?;
    runtime()
        .and_then(Runtime::check)
        .map_err(|error| missing(format!("{error:#}")))?;
    let facts = EngineFacts {
        kind: engine,
        version: tract::VERSION.to_owned(),
        library: None,
        device: settings.device,
        device_name: Some(gpu.name),
        threads: settings.threads,
    };
    Ok((TractCuda, facts))
}

fn runtime() -> TractResult<&'static dyn Runtime> {
    // Named, so that the linker keeps what registers itself.
    let _ = tract_cuda::CudaTransform;
    runtime_for_name(RUNTIME)?.ok_or_else(|| TractError::msg("tract-cuda is not linked"))
}

impl Opened for TractCuda {
    fn load(&self, source: &Source<'_>) -> Result<Box<dyn Backend>, String> {
        let backend = TractBackend::new(source.model, source.inputs)?;
        Ok(Box::new(TractCudaBackend { backend }))
    }

    fn refusals(&self) -> &'static [Refusal] {
        tract::refusals()
    }

    fn copies_inputs(&self) -> bool {
        true // `tract::run` does
    }
}

struct TractCudaBackend {
    backend: TractBackend,
}

impl Backend for TractCudaBackend {
    fn prepare(&self, inputs: &[TensorShape]) -> Result<Arc<dyn Plan>, String> {
        let model = self
            .backend
            .with_shapes(inputs)?
            .into_typed()
            .and_then(|model| tract::rewrite::guard(model, Ok))
            .and_then(tract::rewrite::declutter)
            .map_err(|error| format!("{error:#}"))?;
        let runnable = runtime()
            .and_then(|runtime| runtime.prepare(model))
            .map_err(|error| format!("{error:#}"))?;
        check_placement(runnable.as_ref())?;
        Ok(Arc::new(TractCudaPlan { runnable }))
    }
}

/// tract leaves to the processor what it has no kernel for. Integers may stay there: they are about
/// shapes; floats may not.
fn check_placement(runnable: &dyn Runnable) -> Result<(), String> {
    let model = runnable
        .typed_model()
        .ok_or("tract-cuda does not say where it computes")?;
    for node in model.nodes() {
        let name = node.op.name();
        let is_known = ON_GPU
            .iter()
            .chain(&NOTHING)
            .any(|start| name.starts_with(start));
        let is_float = node
            .outputs
            .iter()
            .any(|output| output.fact.datum_type.is_float());
        if is_float && !is_known {
            return Err(format!("{name} would be computed on the processor"));
        }
    }
    Ok(())
}

struct TractCudaPlan {
    runnable: Box<dyn Runnable>,
}

impl Plan for TractCudaPlan {
    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, String> {
        tract::run(inputs, |inputs| self.runnable.run(inputs))
    }
}
