//! Runs one metered job under limits, in a world that is the same everywhere.
//!
//! The sandbox knows neither prices nor storage nor HTTP: it takes a metered program and a job, and
//! gives back how the job ended, what it used, and what it left behind. Everything that a guest can
//! reach is in [`host_calls`], with its price.
//!
//! ```
//! use std::sync::Arc;
//! use meterbox_sandbox::{Job, Limits, Nobody, OptLevel, Outcome, Sandbox, meter};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wasm = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#)?;
//! let sandbox = Sandbox::new(OptLevel::Speed)?;
//! let program = sandbox.compile(meter(&wasm)?)?;
//! let limits = Limits { instructions: 1_000_000, ..Limits::default() };
//! let ran = sandbox.run(&program, Arc::new(Job::default()), &limits, Arc::new(Nobody))?;
//! assert_eq!(ran.outcome, Outcome::Ok);
//! println!("{} units of instructions", ran.measured.spent.instructions);
//! # Ok(())
//! # }
//! ```
//!
//! [`Sandbox::new`] runs guests in this process. [`Sandbox::with_workers`] runs them in processes that can
//! do nothing else: give it a program whose `main` calls [`serve_as_worker`], such as `meterbox-worker`.

mod component;
mod engine;
mod files;
mod host;
pub mod host_calls;
mod job;
mod limiter;
mod limits;
mod locks;
mod models;
mod nn;
mod outcome;
mod outputs;
mod profile;
mod reading;
mod run;
mod sandbox;
mod stop;
mod tally;
mod wasi_0_1;
mod worker;

pub use engine::{ENGINE_NAME, ENGINE_VERSION, FLOAT_MODE, OptLevel, Program};
pub use job::{Blob, FileBlob, Input, Job, LogLevel, Nobody, Observer, STDERR, STDIN, STDOUT};
pub use limits::{Limits, STACK_UNITS_MAX};
pub use meterbox_inference::{
    Device as EngineDevice, EngineKind, EngineSettings, Libraries as EngineLibraries,
};
pub use meterbox_isolation::{Finding, Layer, Report, Role, Standing, Verification};
pub use meterbox_meter::{Metered, meter};
pub use models::{
    Calls, Computes, Device, EndRun, Given, ModelCall, NnCode, Plan, TENSOR_HEAD_BYTES_MAX,
    TensorHead, tensor_digest, tensor_head,
};
pub use outcome::{
    Fault, InferenceCall, MESSAGE_BYTES_MAX, MODELS_TOLD_MAX, Measured, ModelMeasured, Outcome,
    Ran, Refusal,
};
pub use outputs::Output;
pub use profile::{CallPath, FunctionUnits, Profile, ProfiledFunction};
pub use run::RunError;
pub use sandbox::Sandbox;
pub use stop::{Stop, Stopper};
pub use worker::{
    InferenceEngine, WorkerFinding, WorkerSettings, WorkerStartError, enter_bit_exact_class,
    serve_as_worker,
};
