//! The fuzz targets: what is done with bytes that may come from anywhere. Each panics on a fault.

mod inference;

pub use inference::{Told, inference, inference_told};

/// The bytes are of no use: they are too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected;

impl From<arbitrary::Error> for Rejected {
    fn from(_: arbitrary::Error) -> Rejected {
        Rejected
    }
}
