//! Inference: a model that the order names among its inputs, run by the provider. Its cost is
//! counted by the model's operations, and charged before they run.

mod model;
mod tensor;

pub use model::{ErrorCode, Model, Outputs};
pub use tensor::{AnyTensor, Element, Tensor};
