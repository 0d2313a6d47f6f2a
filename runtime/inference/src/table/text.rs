//! Owns the printed form of the cost table, over which its digest is taken. Decides no price.

use sha2::{Digest, Sha256};

use super::*;

/// The table as text: its version, its constants, then one operator a line, by name.
///
/// The text is canonical: equal tables give equal bytes, and the digest is taken over them.
#[must_use]
pub fn cost_table_text() -> String {
    let mut lines: Vec<String> = OPERATORS.iter().map(line).collect();
    lines.sort();
    format!(
        "meterbox inference cost table {COST_TABLE_VERSION}\n\
         preparing: {PREPARATION_OPERATIONS_PER_BYTE} per byte of the file, \
         {PREPARATION_OPERATIONS_PER_PARAMETER} per element of a constant, \
         {PREPARATION_OPERATIONS_PER_NODE} per node, {PREPARATION_OPERATIONS_PER_NODE_SQUARED} per node squared\n\
         preparing counts as {COMPOSED_NODES} nodes: {}\n\
         preparing counts as {PACKED_NODES} nodes: {}, and each input and output of Loop and Scan after {NODE_PORTS}\n\
         preparing and each call count as {COMPOSED_NODES} nodes: {}\n\
         every node but Constant, and each input and output of a node after {NODE_PORTS}: {NODE_OPERATIONS}\n\
         every value carried to or scanned by a step, and name that a graph within a node reads of those around it, each time: {BINDING_OPERATIONS}\n\
         every step of Loop, Scan, GRU, LSTM, RNN, LinearAttention, and at least one: {STEP_OPERATIONS}\n\
         every product of two matrices, and every head of an attention: {PRODUCT_OPERATIONS}\n\
         every group of channels of a convolution on an image: {GROUP_OPERATIONS}\n\
         every row, tuple of indices, signal, frame, and matrix of Det: {ROW_OPERATIONS}\n\
         every element of the call read by what multiplies, and of a constant of one dimension, row or column that a product \
         reads: {LAYOUT_OPERATIONS}\n\
         every element written by what multiplies; given to a step, or put together by steps: {ELEMENT_OPERATIONS}\n\
         every element of a view: {VIEW_OPERATIONS}\n\
         every gate element of GRU, LSTM, RNN: {GATE_OPERATIONS}\n\
         every number and digit of a Fourier transform: {FOURIER_OPERATIONS}, {FOURIER_TIMES} times that if its length is no power of two\n\
         every score of an attention: {SCORE_OPERATIONS}\n\
         every sample between pixels, and every two boxes: {SAMPLE_OPERATIONS}\n\
         {}\n",
        REPEATED.join(", "),
        PACKED.join(", "),
        COMPOSED.join(", "),
        lines.join("\n")
    )
}

/// SHA-256 of [`cost_table_text`]: what a receipt names.
#[must_use]
pub fn cost_table_digest() -> [u8; 32] {
    Sha256::digest(cost_table_text().as_bytes()).into()
}

fn line(operator: &Operator) -> String {
    let charge = match operator.charge {
        Charge::Nothing => "0".to_owned(),
        View => "a view of each output element".to_owned(),
        PerOutput(units) => format!("{units} per output element"),
        PerOutputAndRow(units) => format!("{units} per output element, and its rows"),
        PerOutputAndChannel(units) => {
            format!("{units} per output element, and a row per channel of each image")
        }
        PerInput(units) => format!("{units} per input element"),
        Reduced(units) => format!("{units} per input element, a row per output element"),
        PerOutputAndInput(units, input) => {
            format!("{units} per output element and per element of input {input}")
        }
        PerTuple => {
            format!("{ELEMENT_OPERATIONS} per output element and element placed, and its tuples")
        }
        PerOperand(units) => format!("{units} per output element and input"),
        PerWindow(units) => {
            format!(
                "{ELEMENT_OPERATIONS} per output element, {units} per window element of each, its padding"
            )
        }
        Sorted(units) => {
            format!("{units} per input element and digit of the number sorted, and its rows")
        }
        Charge::MatMul { after, .. } => format!(
            "multiply-accumulates, its products, elements read of the call, {after} per output element"
        ),
        Charge::Gemm => {
            "multiply-accumulates, its product, elements read of the call, elements written".to_owned()
        }
        Charge::Einsum => "multiply-accumulates over all indices, per input but one, its products, \
                           all elements read twice, elements written; of one input a row per element of all indices"
            .to_owned(),
        Charge::Conv { after, .. } => {
            format!(
                "multiply-accumulates, its groups, elements read of the call, {after} per output element, its padding"
            )
        }
        Charge::ConvTranspose => {
            "multiply-accumulates, its groups, elements read of the call, written and added up from"
                .to_owned()
        }
        Charge::DeformConv => {
            "multiply-accumulates, its groups, elements read of the call, elements written, a sample per window element"
                .to_owned()
        }
        Charge::Recurrent(gates) => {
            format!(
                "its steps, elements read of the call, multiply-accumulates and elements of {gates} gates per step"
            )
        }
        Charge::Attention => {
            "multiply-accumulates of scores and values, its heads, elements read of the call, and the scores"
                .to_owned()
        }
        Charge::LinearAttention => "its steps, elements read of the call, multiply-accumulates of 4 per head and 1 per query head on the \
                                    state, per step"
            .to_owned(),
        Charge::CausalConv { after } => {
            format!("multiply-accumulates, elements read of the call, {after} per output element")
        }
        Charge::Determinant => "1 per input element and row, and its matrices".to_owned(),
        Charge::Dft => "per number and digit of the length, and its signals".to_owned(),
        Charge::Stft => {
            "1 per number of a frame, per number and digit of its length, and its frames".to_owned()
        }
        Charge::NonMaxSuppression { sorted } => format!(
            "{sorted} per score and digit of the number of boxes, and each with all that may be chosen"
        ),
        Charge::Resize { nearest, pixel } => format!(
            "{ELEMENT_OPERATIONS} per input element, {nearest} per output element if nearest, else {pixel} per output \
             element and pixel read"
        ),
        Charge::GridSample { place, pixel } => {
            format!(
                "{ELEMENT_OPERATIONS} per element of input 0, {place} per output element, {pixel} per pixel read of each"
            )
        }
        Charge::RoiAlign => "a sample per output element and sampling point".to_owned(),
        Charge::MaxRoiPool(units) => {
            format!("{units} per region, channel and pixel, edges twice")
        }
        Charge::Lrn { each, around } => {
            format!("{each} and {around} per channel around it, per output element")
        }
        Charge::If => format!(
            "the dearer of its graphs, class by class, {ELEMENT_OPERATIONS} per output element, the names that both read, and a node for each \
             in them"
        ),
        Charge::Steps => {
            "its graph per step, values and elements carried and scanned per step, names that it reads per step, \
             elements that the steps make up"
                .to_owned()
        }
    };
    let counted = match operator.counted {
        Counted::Input => "first input",
        Counted::Output => "first output",
    };
    format!("{}: {charge}, by {counted}", operator.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_has_exactly_one_line() {
        let text = cost_table_text();
        for operator in OPERATORS {
            let start = format!("{}: ", operator.name);
            assert_eq!(
                text.lines().filter(|line| line.starts_with(&start)).count(),
                1,
                "{start}"
            );
        }
        assert_eq!(text.lines().count(), OPERATORS.len() + 18);
    }
}
