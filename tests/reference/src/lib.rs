//! The meter a second time: runs WebAssembly as it came, operator by operator, and counts by the
//! rules M1 to M15 of SPECIFICATION.md. Rewrites nothing, and shares nothing with the pass that does
//! but the cost schedule.
//!
//! It is slow and meant to be read: each file names the rules that it follows. Two halves meet in
//! `run`: what a program does (`scalar`, `vector`, `access`, `store`), and what it costs (`class`,
//! `segment`, `counted`, `size`, `plan`, `meter`).
//!
//! ```
//! use meterbox_reference::{Ending, Instance, Module, NoHost, Settings, Tier, Value};
//!
//! let wasm = wat::parse_str(r#"(module (func (export "f") (result i32) i32.const 7))"#)?;
//! let module = Module::parse(&wasm)?;
//! let settings = Settings {
//!     left: 1000,
//!     stack_units: 1 << 20,
//!     tier: Tier::Small,
//!     pages_max: 16,
//!     table_elements_max: 1000,
//! };
//! let (instance, _, _) = Instance::new(&module, Box::new(NoHost), &settings);
//! let mut instance = instance.expect("nothing of it can trap");
//! assert_eq!(instance.invoke("f", &[]), Ending::Returned(vec![Value::I32(7)]));
//! assert_eq!(instance.reading().left, 999);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod body;
mod class;
mod conversion;
mod counted;
mod ending;
mod error;
mod float;
mod guest;
mod host;
mod instance;
mod lanes;
mod laps;
mod meter;
mod module;
mod operator;
mod plan;
mod run;
mod scalar;
mod segment;
mod size;
mod step;
mod store;
mod value;
mod vector;
mod vector_floats;
mod vector_integers;

pub use ending::{Ending, Exception, Stop, Trap};
pub use error::Error;
pub use guest::Guest;
pub use host::{Host, NoHost};
pub use instance::Instance;
pub use meter::{Reading, Settings};
pub use meterbox_meter::Tier;
pub use module::Module;
pub use value::{ExnRef, FuncRef, Value};
pub use wasmparser::{FuncType, ValType};
