//! Owns a loaded model: what it is, what a call on it costs, and the call itself. Knows no jobs, no
//! limits on spending and no prices: whoever calls `compute` charges `cost` first.

use std::sync::Arc;

use crate::anonymous::anonymise;
use crate::backend::{Backend, Plan, TensorShape, guarded};
use crate::bit_exact;
use crate::blueprint::{Blueprint, InputShape};
use crate::cache::ShapeCache;
use crate::compute::ComputeError;
use crate::cost::Cost;
use crate::engine::{Engine, EngineKind, Source};
use crate::graph::Port;
use crate::limits::ModelLimits;
use crate::load::ModelError;
use crate::refusal;
use crate::tensor::Tensor;
use crate::unread::drop_unread;
use crate::walk::Estimate;

/// Costs kept per model; each is some hundred bytes.
const ESTIMATES_MAX: usize = 64;

/// A checked ONNX model, ready to be asked for costs and to compute.
///
/// It can be shared between threads and jobs behind an `Arc`: calls do not change what it answers.
pub struct Model {
    blueprint: Blueprint,
    not_bit_exact: Option<String>,
    backend: Box<dyn Backend>,
    estimates: ShapeCache<Arc<Estimate>>,
    plans: ShapeCache<Arc<dyn Plan>>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Model").field(&self.blueprint).finish()
    }
}

impl Model {
    /// Reads and checks an ONNX model for the engine that is built in. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// Those of [`Self::load_on`].
    pub fn load(bytes: &[u8], limits: &ModelLimits) -> Result<Self, ModelError> {
        Self::load_on(bytes, limits, &Engine::embedded())
    }

    /// Reads and checks an ONNX model for an engine. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// When the bytes are no ONNX, exceed a limit, refer to data outside themselves, contain a cycle or
    /// an operator outside the cost table or one that the engine would compute otherwise than ONNX
    /// defines it, or when the engine cannot read them.
    pub fn load_on(
        bytes: &[u8],
        limits: &ModelLimits,
        engine: &Engine,
    ) -> Result<Self, ModelError> {
        let (blueprint, mut proto) = Blueprint::parse(bytes, limits)?;
        refusal::check(&proto, engine.facts().kind, engine.opened().refusals())?;
        let not_bit_exact = match engine.facts().kind {
            EngineKind::Tract => bit_exact::obstacle(&proto),
            other => Some(format!("{other} is not in the class")),
        };
        drop_unread(&mut proto);
        let numbers = anonymise(&mut proto);
        let names = |ports: &[Port]| -> Vec<String> {
            ports.iter().map(|port| numbers.of(&port.name)).collect()
        };
        let source = Source {
            model: &proto,
            inputs: &names(blueprint.inputs()),
            outputs: &names(blueprint.outputs()),
        };
        let backend = guarded(|| engine.opened().load(&source))
            .map_err(|error| ModelError::Backend(error.to_string()))?;
        Ok(Self {
            not_bit_exact,
            blueprint,
            backend,
            estimates: ShapeCache::new(ESTIMATES_MAX),
            plans: ShapeCache::new(limits.plans_max),
        })
    }

    /// What the model is, apart from what computes it.
    #[must_use]
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// Why this model's results may differ in bits between processes that are in the bit-exact class
    /// (see [`crate::check_bit_exact`]); none when they do not.
    #[must_use]
    pub fn not_bit_exact(&self) -> Option<&str> {
        self.not_bit_exact.as_deref()
    }

    /// See [`Blueprint::digest`].
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.blueprint.digest()
    }

    /// See [`Blueprint::size_bytes`].
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.blueprint.size_bytes()
    }

    /// See [`Blueprint::parameters`].
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.blueprint.parameters()
    }

    /// See [`Blueprint::nodes`].
    #[must_use]
    pub fn nodes(&self) -> u64 {
        self.blueprint.nodes()
    }

    /// See [`Blueprint::inputs`].
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        self.blueprint.inputs()
    }

    /// See [`Blueprint::outputs`].
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        self.blueprint.outputs()
    }

    /// See [`Blueprint::preparation_units`].
    #[must_use]
    pub fn preparation_units(&self) -> u64 {
        self.blueprint.preparation_units()
    }

    /// What a call with inputs of these shapes costs, as [`Blueprint::cost`] has it; the last ones
    /// asked for are kept.
    ///
    /// # Errors
    /// All those of [`Blueprint::cost`].
    pub fn cost(&self, inputs: &[InputShape<'_>]) -> Result<Cost, ComputeError> {
        Ok(self.estimate(&self.blueprint.shapes(inputs)?)?.cost)
    }

    /// Computes the outputs, by name and in the model's order. The caller has charged [`Self::cost`].
    ///
    /// # Errors
    /// All those of [`Self::cost`], before anything runs, and the backend's own failures. A panic of
    /// the backend is one of them.
    pub fn compute(
        &self,
        inputs: Vec<(String, Tensor)>,
    ) -> Result<Vec<(String, Tensor)>, ComputeError> {
        let named = inputs.iter().map(|(name, tensor)| {
            let shape = TensorShape {
                dimensions: tensor.dimensions().to_vec(),
                element_type: tensor.element_type(),
            };
            (name.as_str(), shape)
        });
        let shapes = self.blueprint.in_order(named)?;
        self.blueprint.check_declared(&shapes)?;
        let estimate = self.estimate(&shapes)?;
        let tensors = self.blueprint.in_order(inputs)?;
        let plan = self.plans.get_or_make(&shapes, || {
            guarded(|| self.backend.prepare(&shapes)).map_err(|error| match error {
                ComputeError::Backend(reason) => ComputeError::Unable(reason),
                panicked => ComputeError::Unable(panicked.to_string()),
            })
        })?;
        let outputs = guarded(|| plan.run(tensors))?;
        self.check_outputs(&estimate, &outputs)?;
        Ok(self
            .outputs()
            .iter()
            .map(|port| port.name.clone())
            .zip(outputs)
            .collect())
    }

    fn estimate(&self, shapes: &[TensorShape]) -> Result<Arc<Estimate>, ComputeError> {
        self.estimates.get_or_make(shapes, || {
            self.blueprint.estimate(shapes, None).map(Arc::new)
        })
    }

    /// What was computed must be what was charged for, or less where that was an upper bound.
    fn check_outputs(&self, estimate: &Estimate, outputs: &[Tensor]) -> Result<(), ComputeError> {
        for (index, port) in self.outputs().iter().enumerate() {
            let agrees = outputs.len() == self.outputs().len()
                && estimate
                    .outputs
                    .get(index)
                    .zip(outputs.get(index))
                    .is_some_and(|(expected, tensor)| {
                        expected.element_type == tensor.element_type()
                            && expected.admits(tensor.dimensions())
                    });
            if !agrees {
                return Err(ComputeError::ShapeDisagreement {
                    output: port.name.clone(),
                });
            }
        }
        Ok(())
    }
}
