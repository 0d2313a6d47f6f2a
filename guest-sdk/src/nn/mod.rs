//! Inference: a model that the order names among its inputs, run by the provider. Its cost is
//! counted by the model's operations, and charged before they run.
//!
//! A tensor's elements move as seldom as they can: what a job gives is read where it lies, and
//! what a model gives is read where it arrived. [`Tensor`] owns its elements, [`View`] borrows
//! them, [`Bytes`] are elements of a type that only running decides, and [`Held`] is an output
//! that never left the provider.
//!
//! ```no_run
//! # fn of(samples: &[f32]) -> meterbox_guest::Result<()> {
//! use meterbox_guest::nn::{Model, Tensor, View};
//!
//! let model = Model::by_name("model")?;
//! // Two windows of the same samples, as one batch, without a copy.
//! let windows = View::new([2, 512], &samples[..1024])?;
//! let outputs = model.run(&[("windows", &windows)])?;
//! for scores in outputs.get::<f32>("scores")?.rows() {
//!     let best = meterbox_guest::nn::top_k(scores, 3);
//! #   let _ = best;
//! }
//! # Ok(())
//! # }
//! ```

mod bytes;
mod element;
mod model;
#[cfg(feature = "ndarray")]
mod ndarray;
mod outputs;
mod recording;
mod scores;
mod shape;
mod tensor;
mod view;

pub use bytes::{AnyTensor, Bytes};
pub use element::{Element, TensorType};
pub use model::{Device, ErrorCode, Model};
pub use outputs::{Held, Outputs};
pub use recording::Recording;
pub use scores::{normalize, softmax, standardize, top_k};
pub use shape::RANK_MAX;
pub use tensor::Tensor;
pub use view::View;
