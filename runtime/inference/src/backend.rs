//! Owns what a backend must offer to compute a model. Charges nothing and checks no inputs: by the
//! time a backend is called, shapes have been checked and paid for.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::compute::ComputeError;
use crate::element::ElementType;
use crate::tensor::Tensor;

/// Dimensions and element type of one input of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorShape {
    /// Elements along each dimension, outermost first.
    pub dimensions: Vec<u32>,
    /// The type of every element.
    pub element_type: ElementType,
}

/// A model that a backend has read.
pub trait Backend: Send + Sync {
    /// Makes the model ready for inputs of these shapes, in the model's order of inputs.
    ///
    /// # Errors
    /// With text for the host's operator when the backend cannot run the model so.
    fn prepare(&self, inputs: &[TensorShape]) -> Result<Arc<dyn Plan>, String>;
}

/// A model ready to compute on inputs of fixed shapes; it keeps no state between calls.
pub trait Plan: Send + Sync {
    /// Computes the outputs, in the model's order, from inputs of exactly the prepared shapes.
    ///
    /// # Errors
    /// With text for the host's operator when the computation fails.
    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, String>;
}

/// Runs a step of a backend so that its panic becomes an error. What the step worked on is dropped with it, so
/// nothing half-changed is seen afterwards. Of what it says the first line is kept: some print all of their graph
/// behind it.
pub(crate) fn guarded<T>(step: impl FnOnce() -> Result<T, String>) -> Result<T, ComputeError> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|text| ComputeError::Backend(first_line(&text))),
        Err(payload) => Err(ComputeError::Panicked(first_line(&text_of(
            payload.as_ref(),
        )))),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_backend_says_one_line_is_kept() {
        let result = guarded::<()>(|| Err("no such pass\nGraph { nodes: [] }".into()));
        assert_eq!(result, Err(ComputeError::Backend("no such pass".into())));
    }

    #[test]
    fn backend_panic_becomes_an_error() {
        let result = guarded::<()>(|| panic!("index out of range"));
        assert_eq!(
            result,
            Err(ComputeError::Panicked("index out of range".into()))
        );
    }
}
