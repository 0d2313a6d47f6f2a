//! Guests that call the host as a script says, with any numbers, through either ABI; small models for them;
//! and the fuzz targets: what holds whatever a script says. What draws the bytes is elsewhere: `fuzz/`, and a
//! test that replays those that are kept.

pub mod onnx;
mod program;
mod script;
pub mod targets;

pub use program::{Abi, BASE, PAGES, program};
pub use script::{Arg, Left, Script};
