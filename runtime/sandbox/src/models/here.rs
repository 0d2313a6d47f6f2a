//! Models in this process, shared by the jobs that use the same one. Never decides who may use one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use meterbox_inference::{Cost, InputShape, Model, ModelLimits};

use super::{
    Answer, Computation, Device, ModelFacts, Models, OpenModel, Source, Tensors, failed, refused,
};
use crate::locks::locked;
use crate::tally::HostEnd;

/// Parsed models by digest, up to a number of bytes.
pub(crate) struct ModelCache {
    bytes_max: u64,
    limits: ModelLimits,
    held: Mutex<Held>,
    /// Nanoseconds in which the engine had calls.
    computed_ns: Arc<AtomicU64>,
}

#[derive(Default)]
struct Held {
    bytes: u64,
    clock: u64,
    loaded: u64,
    models: HashMap<[u8; 32], (u64, Arc<Kept>)>,
}

/// A model with what is told of it.
struct Kept {
    model: Model,
    facts: ModelFacts,
    computed_ns: Arc<AtomicU64>,
}

impl Kept {
    fn new(model: Model, computed_ns: &Arc<AtomicU64>) -> Kept {
        Kept {
            facts: ModelFacts::of(&model),
            model,
            computed_ns: Arc::clone(computed_ns),
        }
    }
}

impl ModelCache {
    /// Keeps at most `bytes_max` bytes of models, as files.
    pub(crate) fn new(bytes_max: u64) -> ModelCache {
        ModelCache {
            bytes_max,
            limits: ModelLimits::default(),
            held: Mutex::default(),
            computed_ns: Arc::default(),
        }
    }

    /// The model of this digest, parsed from `bytes` if it is not at hand.
    fn get(
        &self,
        sha256: [u8; 32],
        bytes: impl FnOnce() -> Result<Vec<u8>, HostEnd>,
    ) -> Answer<Arc<Kept>> {
        if let Some(model) = self.find(sha256) {
            return Ok(Ok(model));
        }
        let model = match Model::load(&bytes()?, &self.limits) {
            Ok(model) => Arc::new(Kept::new(model, &self.computed_ns)),
            Err(error) => return refused(&error).map_err(HostEnd::Unable).map(Err),
        };
        if model.facts.sha256 == sha256 {
            self.keep(&model);
        }
        Ok(Ok(model))
    }

    /// How long the engine has had calls so far.
    pub(crate) fn computed(&self) -> Duration {
        Duration::from_nanos(self.computed_ns.load(Ordering::Relaxed))
    }

    /// Models that were loaded so far.
    pub(crate) fn loaded(&self) -> u64 {
        locked(&self.held).loaded
    }

    /// Why results of one of these models may differ in bits; none if they do not, or the model is not kept.
    pub(crate) fn not_bit_exact(&self, models: impl Iterator<Item = [u8; 32]>) -> Option<String> {
        let mut models = models;
        models.find_map(|sha256| self.find(sha256)?.facts.not_bit_exact.clone())
    }

    fn find(&self, sha256: [u8; 32]) -> Option<Arc<Kept>> {
        let mut held = locked(&self.held);
        held.clock += 1;
        let clock = held.clock;
        held.models.get_mut(&sha256).map(|(used, model)| {
            *used = clock;
            Arc::clone(model)
        })
    }

    fn keep(&self, model: &Arc<Kept>) {
        let size = model.facts.size_bytes;
        locked(&self.held).loaded += 1;
        if size > self.bytes_max {
            return;
        }
        let mut held = locked(&self.held);
        while held.bytes.saturating_add(size) > self.bytes_max {
            let oldest = held
                .models
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(digest, _)| *digest);
            let Some((_, gone)) = oldest.and_then(|digest| held.models.remove(&digest)) else {
                break;
            };
            held.bytes = held.bytes.saturating_sub(gone.facts.size_bytes);
        }
        held.clock += 1;
        let used = held.clock;
        let digest = model.facts.sha256;
        if held
            .models
            .insert(digest, (used, Arc::clone(model)))
            .is_none()
        {
            held.bytes = held.bytes.saturating_add(size);
        }
    }
}

impl Models for ModelCache {
    fn open(&self, source: &Source<'_>, device: Device) -> Answer<Arc<dyn OpenModel>> {
        if device == Device::Gpu {
            return Err(HostEnd::NoDevice);
        }
        let model = match source {
            Source::Input(input) => self.get(input.sha256, || {
                let size = usize::try_from(input.blob.size())
                    .map_err(|_| HostEnd::Limit("model_bytes"))?;
                let mut bytes = vec![0; size];
                input.blob.read_at(0, &mut bytes).map_err(|error| {
                    let name = &input.name;
                    HostEnd::Fault(format!("reading the model `{name}` failed: {error}"))
                })?;
                Ok(bytes)
            })?,
            Source::Given { sha256, bytes } => self.get(*sha256, || Ok(bytes.to_vec()))?,
        };
        Ok(model.map(|model| model as Arc<dyn OpenModel>))
    }
}

impl OpenModel for Kept {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn cost(&self, inputs: &[InputShape<'_>]) -> Answer<Cost> {
        match self.model.cost(inputs) {
            Ok(cost) => Ok(Ok(cost)),
            Err(error) => failed(&error).map(Err),
        }
    }

    fn compute(&self, call: Computation<'_>) -> Answer<Tensors> {
        (call.meanwhile)(&call.inputs);
        let began = Instant::now();
        let computed = self.model.compute(call.inputs);
        let engine_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.computed_ns.fetch_add(engine_ns, Ordering::Relaxed);
        match computed {
            Ok(outputs) => Ok(Ok(outputs)),
            Err(error) => failed(&error).map(Err),
        }
    }
}
