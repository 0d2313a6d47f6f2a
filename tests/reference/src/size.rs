//! What a function's size decides: whether it is small (M5), and the stack units of its frame (M10).

use meterbox_meter::{FRAME_UNITS, OPERATOR_STACK_UNITS, SLOT_UNITS};
use wasmparser::Operator;

/// What the rules want to know of a function, all as numbers of things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) parameters: usize,
    pub(crate) results: usize,
    /// Without the parameters.
    pub(crate) locals: usize,
    /// Operators of the body, `end` included.
    pub(crate) operators: usize,
    /// Values on the operand stack at its highest, as validation counts after each operator.
    pub(crate) height: usize,
}

/// A function that is neither exported nor the start function is small if it has at most 16 parameters and
/// locals together, its body has at most 64 operators, and none of these.
pub(crate) fn is_small(size: &Size, operators: &[Operator<'_>]) -> bool {
    size.parameters + size.locals <= 16
        && size.operators <= 64
        && !operators.iter().any(|operator| {
            matches!(
                operator,
                Operator::Loop { .. }
                    | Operator::TryTable { .. }
                    | Operator::Throw { .. }
                    | Operator::ThrowRef
            ) || is_call(operator)
                || is_bulk(operator)
        })
}

/// A function that calls nothing takes no stack if its frame has at most this many stack units (M10).
const LEAF_UNITS_MAX: u32 = 4096;

/// The stack units that the frame of a function takes. At most what a `u32` holds, which no limit of stack
/// units reaches.
pub(crate) fn frame_units(size: &Size, is_small: bool, operators: &[Operator<'_>]) -> u32 {
    let units = all_units(size);
    let is_leaf = !operators.iter().any(is_call) && units <= LEAF_UNITS_MAX;
    if is_small || is_leaf { 0 } else { units }
}

fn all_units(size: &Size) -> u32 {
    let slots = size.parameters + size.locals + size.results + size.height;
    let slots = u32::try_from(slots).unwrap_or(u32::MAX);
    let operators = u32::try_from(size.operators).unwrap_or(u32::MAX);
    FRAME_UNITS
        .saturating_add(SLOT_UNITS.saturating_mul(slots))
        .saturating_add(OPERATOR_STACK_UNITS.saturating_mul(operators))
}

/// A call of any kind.
pub(crate) fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
    )
}

/// A bulk operator (M9). `data.drop` and `elem.drop` are none.
pub(crate) fn is_bulk(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::MemoryGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. }
    )
}
