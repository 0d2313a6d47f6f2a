//! Owns the list of what ONNX Runtime computes otherwise than ONNX defines it. Applies nothing.

use crate::refusal::Refusal;

/// Found by the ONNX node tests; see `docs/operators.md`.
pub(super) const REFUSALS: &[Refusal] = &[];
