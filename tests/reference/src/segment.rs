//! Segments (M3): where a function body is cut, and which operators count. Sums no weights.

use std::ops::Range;

use wasmparser::Operator;

/// A run of operators that is charged at once, when control reaches the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The operators that weigh something: those up to and including the first that never lets the next
    /// one run.
    pub(crate) weighs: Range<usize>,
}

/// Cuts a body into segments, in the order of the text.
pub(crate) fn segments(operators: &[Operator<'_>]) -> Vec<Segment> {
    let mut cuts = vec![0];
    cuts.extend((1..operators.len()).filter(|&at| ends_segment(&operators[at - 1])));
    let ends = cuts.iter().skip(1).copied().chain([operators.len()]);
    cuts.iter()
        .zip(ends)
        .map(|(&from, to)| {
            let last = (from..to).find(|&at| never_lets_the_next_run(&operators[at]));
            Segment {
                weighs: from..last.map_or(to, |last| last + 1),
            }
        })
        .collect()
}

/// Whether the operator that follows begins a segment.
fn ends_segment(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::BrIf { .. }
    )
}

fn never_lets_the_next_run(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Br { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
    )
}
