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
        O::Nop | O::Block { .. } | O::Loop { .. } | O::Else | O::End => Class::Structure,

        O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU => Class::Divide,
        O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => Class::Divide,
        O::F32Div | O::F32Sqrt | O::F64Div | O::F64Sqrt => Class::Divide,
        O::F32x4Div | O::F32x4Sqrt | O::F64x2Div | O::F64x2Sqrt => Class::Divide,

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

        O::If { .. } | O::Br { .. } | O::BrIf { .. } | O::Return | O::Unreachable => Class::Branch,
        O::Select | O::TypedSelect { .. } => Class::Branch,
        O::BrTable { .. } => Class::BranchTable,
        O::Call { .. } | O::ReturnCall { .. } => Class::Call,
        O::CallIndirect { .. } | O::ReturnCallIndirect { .. } => Class::CallIndirect,

        O::RefNull { .. } | O::RefIsNull | O::RefFunc { .. } => Class::Reference,
        O::TableGet { .. } | O::TableSet { .. } | O::TableSize { .. } => Class::TableAccess,
        O::TableFill { .. } | O::TableCopy { .. } | O::TableInit { .. } => Class::TableBulk,
        O::TableGrow { .. } | O::ElemDrop { .. } => Class::TableBulk,
        O::MemorySize { .. } => Class::MemorySize,
        O::MemoryGrow { .. } => Class::MemoryGrow,
        O::MemoryFill { .. } | O::MemoryCopy { .. } | O::MemoryInit { .. } => Class::MemoryBulk,
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
    )
}
