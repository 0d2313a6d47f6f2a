//! Keeps parsed models, so that jobs that use the same one share it. Never decides who may use one:
//! a job reaches a model only by bringing its bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use meterbox_inference::{Model, ModelError, ModelLimits};

/// Parsed models by digest, up to a number of bytes.
pub struct ModelCache {
    bytes_max: u64,
    limits: ModelLimits,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: u64,
    clock: u64,
    models: HashMap<[u8; 32], (u64, Arc<Model>)>,
}

impl ModelCache {
    /// Keeps at most `bytes_max` bytes of models, as files.
    #[must_use]
    pub fn new(bytes_max: u64) -> ModelCache {
        ModelCache {
            bytes_max,
            limits: ModelLimits::default(),
            held: Mutex::default(),
        }
    }

    /// The model of this digest, parsed from `bytes` if it is not at hand.
    pub(crate) fn get<E>(
        &self,
        sha256: [u8; 32],
        bytes: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Result<Arc<Model>, ModelError>, E> {
        if let Some(model) = self.find(sha256) {
            return Ok(Ok(model));
        }
        let model = match Model::load(&bytes()?, &self.limits) {
            Ok(model) => Arc::new(model),
            Err(error) => return Ok(Err(error)),
        };
        if model.digest() == sha256 {
            self.keep(sha256, &model);
        }
        Ok(Ok(model))
    }

    /// Keeps none any more.
    pub(crate) fn clear(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Held::default();
    }

    fn find(&self, sha256: [u8; 32]) -> Option<Arc<Model>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clock += 1;
        let clock = held.clock;
        held.models.get_mut(&sha256).map(|(used, model)| {
            *used = clock;
            Arc::clone(model)
        })
    }

    fn keep(&self, sha256: [u8; 32], model: &Arc<Model>) {
        let size = model.size_bytes();
        if size > self.bytes_max {
            return;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while held.bytes.saturating_add(size) > self.bytes_max {
            let oldest = held
                .models
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(digest, _)| *digest);
            let Some((_, gone)) = oldest.and_then(|digest| held.models.remove(&digest)) else {
                break;
            };
            held.bytes = held.bytes.saturating_sub(gone.size_bytes());
        }
        held.clock += 1;
        let used = held.clock;
        if held
            .models
            .insert(sha256, (used, Arc::clone(model)))
            .is_none()
        {
            held.bytes = held.bytes.saturating_add(size);
        }
    }
}
