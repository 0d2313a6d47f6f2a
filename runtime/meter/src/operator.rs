//! Which class each operator belongs to. Never decides where it is charged.

use wasmparser::Operator;

use crate::MeterError;
use crate::schedule::Class;

macro_rules! define_proposal {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The WebAssembly proposal that brought this operator, and the operator's name.
        fn proposal(op: &Operator<'_>) -> (&'static str, &'static str) {
            match op {
                $(Operator::$op { .. } => (stringify!($proposal), stringify!($op)),)*
                _ => ("an unknown proposal", "unknown"),
            }
        }
    };
}
wasmparser::for_each_operator!(define_proposal);

/// The class of one operator, or a refusal that names it.
pub(crate) fn class(op: &Operator<'_>) -> Result<Class, MeterError> {
    use Operator as O;
    Ok(match op {
        O::Nop | O::Block { .. } | O::Else | O::End => Class::Structure,

        O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU => Class::Divide,
        O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => Class::Divide,
        O::F32Div | O::F32Sqrt | O::F64Div | O::F64Sqrt => Class::Divide,
        O::F32x4Div | O::F32x4Sqrt | O::F64x2Div | O::F64x2Sqrt => Class::Divide,

        O::I32Mul | O::I64Mul | O::I32Clz | O::I32Ctz => Class::Multiply,
        O::I32Popcnt | O::I64Clz | O::I64Ctz | O::I64Popcnt => Class::Multiply,

        O::F32Add | O::F32Sub | O::F32Mul | O::F32Min => Class::Float,
        O::F32Max | O::F32Ceil | O::F32Floor | O::F32Trunc => Class::Float,
        O::F32Nearest | O::F32Abs | O::F32Neg | O::F32Copysign => Class::Float,
        O::F32Eq | O::F32Ne | O::F32Lt | O::F32Le => Class::Float,
        O::F32Gt | O::F32Ge | O::F64Add | O::F64Sub => Class::Float,
        O::F64Mul | O::F64Min | O::F64Max | O::F64Ceil => Class::Float,
        O::F64Floor | O::F64Trunc | O::F64Nearest | O::F64Abs => Class::Float,
        O::F64Neg | O::F64Copysign | O::F64Eq | O::F64Ne => Class::Float,
        O::F64Lt | O::F64Le | O::F64Gt | O::F64Ge => Class::Float,

        O::I32TruncF32S | O::I32TruncSatF32S | O::F32ConvertI32S | O::I32TruncF32U => {
            Class::Convert
        }
        O::I32TruncSatF32U | O::F32ConvertI32U | O::I32TruncF64S | O::I32TruncSatF64S => {
            Class::Convert
        }
        O::F64ConvertI32S | O::I32TruncF64U | O::I32TruncSatF64U | O::F64ConvertI32U => {
            Class::Convert
        }
        O::I64TruncF32S | O::I64TruncSatF32S | O::F32ConvertI64S | O::I64TruncF32U => {
            Class::Convert
        }
        O::I64TruncSatF32U | O::F32ConvertI64U | O::I64TruncF64S | O::I64TruncSatF64S => {
            Class::Convert
        }
        O::F64ConvertI64S | O::I64TruncF64U | O::I64TruncSatF64U | O::F64ConvertI64U => {
            Class::Convert
        }
        O::I32ReinterpretF32
        | O::F32ReinterpretI32
        | O::I64ReinterpretF64
        | O::F64ReinterpretI64 => Class::Convert,
        O::F32DemoteF64 | O::F64PromoteF32 => Class::Convert,
        O::I32x4TruncSatF32x4S
        | O::I32x4TruncSatF32x4U
        | O::I32x4TruncSatF64x2SZero
        | O::I32x4TruncSatF64x2UZero => Class::Convert,
        O::F32x4ConvertI32x4S
        | O::F32x4ConvertI32x4U
        | O::F64x2ConvertLowI32x4S
        | O::F64x2ConvertLowI32x4U => Class::Convert,
        O::F32x4DemoteF64x2Zero | O::F64x2PromoteLowF32x4 | O::V128AnyTrue | O::I8x16AllTrue => {
            Class::Convert
        }
        O::I8x16Bitmask | O::I16x8AllTrue | O::I16x8Bitmask | O::I32x4AllTrue => Class::Convert,
        O::I32x4Bitmask | O::I64x2AllTrue | O::I64x2Bitmask => Class::Convert,

        O::GlobalGet { .. } | O::GlobalSet { .. } => Class::Global,

        O::I32Load { .. } | O::I64Load { .. } | O::F32Load { .. } | O::F64Load { .. } => {
            Class::Load
        }
        O::I32Load8S { .. } | O::I32Load8U { .. } | O::I32Load16S { .. } => Class::Load,
        O::I32Load16U { .. } | O::I64Load8S { .. } | O::I64Load8U { .. } => Class::Load,
        O::I64Load16S { .. } | O::I64Load16U { .. } => Class::Load,
        O::I64Load32S { .. } | O::I64Load32U { .. } => Class::Load,

        O::I32Store { .. } | O::I64Store { .. } | O::F32Store { .. } => Class::Store,
        O::F64Store { .. } | O::I32Store8 { .. } | O::I32Store16 { .. } => Class::Store,
        O::I64Store8 { .. } | O::I64Store16 { .. } | O::I64Store32 { .. } => Class::Store,

        O::Loop { .. } => Class::Branch,
        O::If { .. } | O::Br { .. } | O::BrIf { .. } | O::Return | O::Unreachable => Class::Branch,
        O::Select | O::TypedSelect { .. } => Class::Branch,
        O::BrTable { .. } => Class::BranchTable,
        O::Call { .. } | O::ReturnCall { .. } => Class::Call,
        O::CallIndirect { .. } | O::ReturnCallIndirect { .. } => Class::CallIndirect,

        O::RefNull { .. } | O::RefIsNull => Class::Reference,
        O::RefFunc { .. } => Class::ReferenceFunction,
        O::TableGet { .. } | O::TableSet { .. } | O::TableSize { .. } => Class::TableAccess,
        O::TableFill { .. } | O::TableCopy { .. } | O::TableInit { .. } => Class::TableBulk,
        O::TableGrow { .. } | O::ElemDrop { .. } => Class::TableBulk,
        O::MemorySize { .. } => Class::MemorySize,
        O::MemoryGrow { .. } => Class::MemoryGrow,
        O::MemoryFill { .. } => Class::MemoryFill,
        O::MemoryCopy { .. } | O::MemoryInit { .. } => Class::MemoryBulk,
        O::DataDrop { .. } => Class::MemoryBulk,

        O::V128Load { .. } | O::V128Load8x8S { .. } | O::V128Load8x8U { .. } => Class::VectorMemory,
        O::V128Load16x4S { .. } | O::V128Load16x4U { .. } => Class::VectorMemory,
        O::V128Load32x2S { .. } | O::V128Load32x2U { .. } => Class::VectorMemory,
        O::V128Load8Splat { .. } | O::V128Load16Splat { .. } => Class::VectorMemory,
        O::V128Load32Splat { .. } | O::V128Load64Splat { .. } => Class::VectorMemory,
        O::V128Load32Zero { .. } | O::V128Load64Zero { .. } => Class::VectorMemory,
        O::V128Store { .. } | O::V128Load8Lane { .. } | O::V128Load16Lane { .. } => {
            Class::VectorMemory
        }
        O::V128Load32Lane { .. } | O::V128Load64Lane { .. } => Class::VectorMemory,
        O::V128Store8Lane { .. } | O::V128Store16Lane { .. } => Class::VectorMemory,
        O::V128Store32Lane { .. } | O::V128Store64Lane { .. } => Class::VectorMemory,

        O::Throw { .. } | O::ThrowRef => Class::Throw,
        O::TryTable { .. } => Class::Structure,

        other => match proposal(other) {
            ("mvp" | "sign_extension" | "saturating_float_to_int", _) => Class::Simple,
            ("simd", _) => Class::Vector,
            (proposal, operator) => {
                return Err(MeterError::Operator {
                    operator: operator.into(),
                    proposal: proposal.into(),
                });
            }
        },
    })
}

/// Whether control never reaches the operator that follows.
pub(crate) fn leaves(op: &Operator<'_>) -> bool {
    matches!(
        op,
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

/// Whether the operator that follows begins a segment.
pub(crate) fn ends_segment(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::BrIf { .. }
    )
}

/// Whether the operator calls a function.
pub(crate) fn calls(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
    )
}

fn calls_or_throws(op: &Operator<'_>) -> bool {
    let throws = matches!(
        op,
        Operator::TryTable { .. } | Operator::Throw { .. } | Operator::ThrowRef
    );
    throws || calls(op)
}

/// Whether the operator is charged by length.
pub(crate) fn is_bulk(op: &Operator<'_>) -> bool {
    matches!(
        op,
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

/// Whether a small function may hold this operator.
pub(crate) fn may_be_small(op: &Operator<'_>) -> bool {
    !(matches!(op, Operator::Loop { .. }) || calls_or_throws(op) || is_bulk(op))
}

/// Whether a counted loop may hold this operator before its `br_if`.
pub(crate) fn may_be_counted(op: &Operator<'_>) -> bool {
    let is_control = matches!(
        op,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
    );
    !(is_control || calls_or_throws(op) || is_bulk(op))
}

/// The kind of values whose NaNs have bits that WebAssembly leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FloatKind {
    F32,
    F64,
    F32x4,
    F64x2,
}

/// Of an operator whose NaN results WebAssembly leaves open: the kind of its operands, and of its
/// result.
pub(crate) fn float_arithmetic(op: &Operator<'_>) -> Option<(FloatKind, FloatKind)> {
    use FloatKind::{F32, F32x4, F64, F64x2};
    use Operator as O;
    Some(match op {
        O::F32Add | O::F32Sub | O::F32Mul | O::F32Div | O::F32Min | O::F32Max => (F32, F32),
        O::F32Sqrt | O::F32Ceil | O::F32Floor | O::F32Trunc | O::F32Nearest => (F32, F32),
        O::F64Add | O::F64Sub | O::F64Mul | O::F64Div | O::F64Min | O::F64Max => (F64, F64),
        O::F64Sqrt | O::F64Ceil | O::F64Floor | O::F64Trunc | O::F64Nearest => (F64, F64),
        O::F32DemoteF64 => (F64, F32),
        O::F64PromoteF32 => (F32, F64),
        O::F32x4Add | O::F32x4Sub | O::F32x4Mul | O::F32x4Div => (F32x4, F32x4),
        O::F32x4Min | O::F32x4Max | O::F32x4Sqrt | O::F32x4Ceil => (F32x4, F32x4),
        O::F32x4Floor | O::F32x4Trunc | O::F32x4Nearest => (F32x4, F32x4),
        O::F64x2Add | O::F64x2Sub | O::F64x2Mul | O::F64x2Div => (F64x2, F64x2),
        O::F64x2Min | O::F64x2Max | O::F64x2Sqrt | O::F64x2Ceil => (F64x2, F64x2),
        O::F64x2Floor | O::F64x2Trunc | O::F64x2Nearest => (F64x2, F64x2),
        O::F32x4DemoteF64x2Zero => (F64x2, F32x4),
        O::F64x2PromoteLowF32x4 => (F32x4, F64x2),
        _ => return None,
    })
}

/// Of an operator that reads floats only as numbers, so that all NaNs are the same to it: the kind
/// of its operands. Its result is no float that could be NaN.
pub(crate) fn float_test(op: &Operator<'_>) -> Option<FloatKind> {
    use FloatKind::{F32, F32x4, F64, F64x2};
    use Operator as O;
    Some(match op {
        O::F32Eq | O::F32Ne | O::F32Lt | O::F32Gt | O::F32Le | O::F32Ge => F32,
        O::I32TruncF32S | O::I32TruncF32U | O::I64TruncF32S | O::I64TruncF32U => F32,
        O::I32TruncSatF32S | O::I32TruncSatF32U => F32,
        O::I64TruncSatF32S | O::I64TruncSatF32U => F32,
        O::F64Eq | O::F64Ne | O::F64Lt | O::F64Gt | O::F64Le | O::F64Ge => F64,
        O::I32TruncF64S | O::I32TruncF64U | O::I64TruncF64S | O::I64TruncF64U => F64,
        O::I32TruncSatF64S | O::I32TruncSatF64U => F64,
        O::I64TruncSatF64S | O::I64TruncSatF64U => F64,
        O::F32x4Eq | O::F32x4Ne | O::F32x4Lt | O::F32x4Gt | O::F32x4Le | O::F32x4Ge => F32x4,
        O::I32x4TruncSatF32x4S | O::I32x4TruncSatF32x4U => F32x4,
        O::F64x2Eq | O::F64x2Ne | O::F64x2Lt | O::F64x2Gt | O::F64x2Le | O::F64x2Ge => F64x2,
        O::I32x4TruncSatF64x2SZero | O::I32x4TruncSatF64x2UZero => F64x2,
        _ => return None,
    })
}
