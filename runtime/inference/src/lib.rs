//! Runs models and says beforehand what they cost to run. Owns the model's checks, the cost table and
//! the backends; knows no jobs, no prices and no WebAssembly engine.

mod anonymous;
mod backend;
mod bit_exact;
mod blueprint;
mod cache;
mod charge;
mod compute;
mod constant;
mod cost;
mod cuda;
mod element;
mod engine;
mod envelope;
mod flow;
mod found;
mod graph;
mod integers;
mod limits;
mod load;
mod model;
mod node;
#[cfg(feature = "onnxruntime")]
mod onnxruntime;
mod refusal;
mod shape;
mod shown;
mod speed;
mod table;
mod tensor;
mod tract;
#[cfg(feature = "cuda")]
mod tract_cuda;
mod unread;
mod value;
mod walk;

pub use backend::{Backend, Plan, TensorShape};
pub use bit_exact::{BIT_EXACT_ENVIRONMENT, NotBitExact, check_bit_exact};
pub use blueprint::{Blueprint, Breakdown, Expected, InputShape, Layer};
pub use compute::ComputeError;
pub use cost::{Cost, Operations};
pub use cuda::{Driver, Gpu, driver};
pub use element::ElementType;
pub use engine::{
    Device, Engine, EngineError, EngineFacts, EngineKind, EngineSettings, Libraries,
    silence_libraries,
};
pub use found::{FoundEngine, Surroundings, look_around};
pub use graph::{DeclaredDimension, Port};
pub use limits::ModelLimits;
pub use load::ModelError;
pub use model::Model;
pub use speed::matrix_products;
pub use table::{
    COST_TABLE_VERSION, PREPARATION_OPERATIONS_PER_BYTE, cost_table_digest, cost_table_text,
};
pub use tensor::{RANK_MAX, Tensor, TensorError};
