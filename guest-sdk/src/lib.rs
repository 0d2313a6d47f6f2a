//! Write a Meterbox job.
//!
//! A job is a function from named inputs to named outputs. The order fixes the inputs, the
//! provider meters the work, and the receipt names each output by its digest. Clocks and random
//! numbers are the same in each run of an order, so that a run can be repeated to the last byte.
//!
//! This job counts the words of its input `text`, and lets the model `model` score the counts:
//!
//! ```no_run
//! use std::collections::BTreeMap;
//! use std::io::{BufRead, Write};
//!
//! use meterbox_guest::nn::{Model, Tensor};
//! use meterbox_guest::{Job, log};
//!
//! #[meterbox_guest::job]
//! fn main(job: Job) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut counts = BTreeMap::<String, u32>::new();
//!     for line in job.input("text")?.lines() {
//!         for word in line?.split_whitespace() {
//!             *counts.entry(word.to_lowercase()).or_default() += 1;
//!         }
//!     }
//!     log::info(format!("found {} different words", counts.len()));
//!     job.progress(1, 2, "counted");
//!
//!     let mut highest: Vec<f32> = counts.values().map(|count| *count as f32).collect();
//!     highest.sort_by(|a, b| b.total_cmp(a));
//!     highest.resize(64, 0.0);
//!     let model = Model::by_name("model")?;
//!     let counted = Tensor::new([1, 64], highest)?;
//!     let scores = model.run(&[("counts", &counted)])?.get_shaped::<f32>("score", &[1, 1])?;
//!     job.progress(2, 2, "scored");
//!
//!     job.output_json("counts.json", &counts)?;
//!     writeln!(job.output("score.txt")?, "{:.4}", scores.data()[0])?;
//!     Ok(())
//! }
//! ```
//!
//! It is a library of type `cdylib`, built with `cargo build --release --target wasm32-wasip2`,
//! and started with `meterbox run words.wasm --input text=… --input model=…`.
//!
//! # Features
//! On by default is `json`: inputs and outputs typed through serde. Off are what pipelines around models
//! need, each from a crate of its own: `audio` (WAV files), `image` (PNG and JPEG files, resized and
//! laid out for a model), `text` (cut into pieces for models of the BERT family), `half` (tensors of `f16` and `bf16`), `ndarray` (its arrays as tensors).
#![warn(missing_docs)]

#[cfg(feature = "audio")]
pub mod audio;
pub mod bindings;
#[doc(hidden)]
pub mod export;
#[cfg(feature = "image")]
pub mod image;
pub mod log;
pub mod nn;
#[cfg(feature = "text")]
pub mod text;

mod error;
mod input;
mod job;
mod output;

pub use error::{Error, Result};
pub use input::Input;
pub use job::Job;
pub use meterbox_guest_macros::job;
pub use output::Output;

// So that `#[job]` finds this crate by its name in this crate's own tests, too.
extern crate self as meterbox_guest;
