//! Runs models and says beforehand what they cost to run. Owns the model's checks, the cost table and
//! the backends; knows no jobs, no prices and no WebAssembly engine.

mod backend;
mod blueprint;
mod cache;
mod charge;
mod compute;
mod constant;
mod cost;
mod element;
mod envelope;
mod flow;
mod graph;
mod integers;
mod limits;
mod load;
mod model;
mod node;
mod shape;
mod table;
mod tensor;
mod tract;
mod value;
mod walk;

pub use backend::{Backend, Plan, TensorShape};
pub use blueprint::{
    Blueprint, Breakdown, Expected, InputShape, Layer, PREPARATION_OPERATIONS_PER_BYTE,
    PREPARATION_OPERATIONS_PER_NODE, PREPARATION_OPERATIONS_PER_PARAMETER,
};
pub use compute::ComputeError;
pub use cost::{Cost, Operations};
pub use element::ElementType;
pub use graph::{DeclaredDimension, Port};
pub use limits::ModelLimits;
pub use load::ModelError;
pub use model::Model;
pub use table::{COST_TABLE_VERSION, cost_table_digest, cost_table_text};
pub use tensor::{RANK_MAX, Tensor, TensorError};
