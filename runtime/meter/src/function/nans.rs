//! What each operator does with the bits of NaNs. Follows no values.

use wasmparser::Operator;

use super::floats::Kind;
use crate::operator;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operands {
    One,
    Two,
    TwoAndCondition,
}

/// What an operator does with NaNs.
pub(super) enum Rule {
    /// Reads floats as numbers, and gives a float that may be NaN.
    Arithmetic(Kind, Kind),
    /// Reads floats as numbers, and gives no float.
    Test(Kind),
    /// Gives a float that is no NaN, or only the canonical one.
    Number,
    /// Gives an operand as it is: if that is loose, the result is.
    Passes {
        operands: Operands,
        /// The kind of the result, if it is not the operand's.
        to: Option<Kind>,
    },
    /// Reads bits.
    Sees,
}

impl Rule {
    pub(super) fn of(op: &Operator<'_>) -> Rule {
        use Operator as O;
        if let Some((from, to)) = operator::float_arithmetic(op) {
            return Rule::Arithmetic(from.into(), to.into());
        }
        if let Some(from) = operator::float_test(op) {
            return Rule::Test(from.into());
        }
        let passes = |operands, to| Rule::Passes { operands, to };
        match op {
            O::F32Const { value } if !f32::from_bits(value.bits()).is_nan() => Rule::Number,
            O::F64Const { value } if !f64::from_bits(value.bits()).is_nan() => Rule::Number,
            O::V128Const { value } if value.i128() == 0 => Rule::Number,
            O::F32ConvertI32S | O::F32ConvertI32U | O::F32ConvertI64S | O::F32ConvertI64U => {
                Rule::Number
            }
            O::F64ConvertI32S | O::F64ConvertI32U | O::F64ConvertI64S | O::F64ConvertI64U => {
                Rule::Number
            }
            // The canonical NaN without its sign is itself.
            O::F32Abs | O::F64Abs => passes(Operands::One, None),
            O::Select | O::TypedSelect { .. } => passes(Operands::TwoAndCondition, None),
            O::F32x4PMin | O::F32x4PMax => passes(Operands::Two, Some(Kind::F32x4)),
            O::F64x2PMin | O::F64x2PMax => passes(Operands::Two, Some(Kind::F64x2)),
            O::F32x4Splat => passes(Operands::One, Some(Kind::F32x4)),
            O::F64x2Splat => passes(Operands::One, Some(Kind::F64x2)),
            O::F32x4ExtractLane { .. } => passes(Operands::One, Some(Kind::F32)),
            O::F64x2ExtractLane { .. } => passes(Operands::One, Some(Kind::F64)),
            _ => Rule::Sees,
        }
    }
}
