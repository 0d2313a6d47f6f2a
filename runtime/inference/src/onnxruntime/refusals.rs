//! Owns the list of what ONNX Runtime computes otherwise than ONNX defines it. Applies nothing.

use crate::refusal::{CUBIC_AT_BORDERS, Refusal};

/// Found by the ONNX node tests; see `docs/operators.md`.
pub(super) const REFUSALS: &[Refusal] = &[
    Refusal {
        operator: "Attention",
        when: |node| {
            node.has_output(3)
                && node.integer("is_causal", 0) != 0
                && node.integer("qk_matmul_output_mode", 0) != 0
        },
        reason: "the masked products that it gives out have the lowest finite number for negative \
                 infinity",
    },
    Refusal {
        operator: "DFT",
        when: |node| node.integer("inverse", 0) != 0 && node.integer("onesided", 0) != 0,
        reason: "the inverse of one side gives another shape",
    },
    CUBIC_AT_BORDERS,
];
