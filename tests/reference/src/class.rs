//! The class of each operator (M2, "Classes of operators"). Weights are the cost schedule's.

use meterbox_meter::Class;
use wasmparser::Operator;

/// The class of an operator; none if it is not handled.
pub(crate) fn class(operator: &Operator<'_>) -> Option<Class> {
    use Operator as O;
    Some(match operator {
        O::Block { .. } | O::Else | O::End | O::Nop | O::TryTable { .. } => Class::Structure,

        O::I32Mul | O::I32Clz | O::I32Ctz | O::I32Popcnt => Class::Multiply,
        O::I64Mul | O::I64Clz | O::I64Ctz | O::I64Popcnt => Class::Multiply,

        O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU => Class::Divide,
        O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => Class::Divide,
        O::F32Div | O::F64Div | O::F32Sqrt | O::F64Sqrt => Class::Divide,
        O::F32x4Div | O::F64x2Div | O::F32x4Sqrt | O::F64x2Sqrt => Class::Divide,

        O::GlobalGet { .. } | O::GlobalSet { .. } => Class::Global,

        O::I32Load { .. } | O::I64Load { .. } | O::F32Load { .. } | O::F64Load { .. } => {
            Class::Load
        }
        O::I32Load8S { .. } | O::I32Load8U { .. } => Class::Load,
        O::I32Load16S { .. } | O::I32Load16U { .. } => Class::Load,
        O::I64Load8S { .. } | O::I64Load8U { .. } => Class::Load,
        O::I64Load16S { .. } | O::I64Load16U { .. } => Class::Load,
        O::I64Load32S { .. } | O::I64Load32U { .. } => Class::Load,

        O::I32Store { .. } | O::I64Store { .. } | O::F32Store { .. } | O::F64Store { .. } => {
            Class::Store
        }
        O::I32Store8 { .. } | O::I32Store16 { .. } => Class::Store,
        O::I64Store8 { .. } | O::I64Store16 { .. } | O::I64Store32 { .. } => Class::Store,

        O::Loop { .. } | O::If { .. } | O::Br { .. } | O::BrIf { .. } => Class::Branch,
        O::Return | O::Select | O::TypedSelect { .. } | O::Unreachable => Class::Branch,
        O::BrTable { .. } => Class::BranchTable,

        O::Call { .. } | O::ReturnCall { .. } => Class::Call,
        O::CallIndirect { .. } | O::ReturnCallIndirect { .. } => Class::CallIndirect,

        O::RefNull { .. } | O::RefIsNull => Class::Reference,
        O::RefFunc { .. } => Class::ReferenceFunction,
        O::TableGet { .. } | O::TableSet { .. } | O::TableSize { .. } => Class::TableAccess,

        O::MemorySize { .. } => Class::MemorySize,
        O::MemoryGrow { .. } => Class::MemoryGrow,
        O::MemoryFill { .. } => Class::MemoryFill,
        O::MemoryCopy { .. } | O::MemoryInit { .. } => Class::MemoryBulk,
        O::DataDrop { .. } => Class::MemoryBulk,
        O::TableFill { .. } | O::TableCopy { .. } | O::TableInit { .. } => Class::TableBulk,
        O::TableGrow { .. } | O::ElemDrop { .. } => Class::TableBulk,

        O::V128Load { .. } | O::V128Store { .. } => Class::VectorMemory,
        O::V128Load8x8S { .. } | O::V128Load8x8U { .. } => Class::VectorMemory,
        O::V128Load16x4S { .. } | O::V128Load16x4U { .. } => Class::VectorMemory,
        O::V128Load32x2S { .. } | O::V128Load32x2U { .. } => Class::VectorMemory,
        O::V128Load8Splat { .. } | O::V128Load16Splat { .. } => Class::VectorMemory,
        O::V128Load32Splat { .. } | O::V128Load64Splat { .. } => Class::VectorMemory,
        O::V128Load32Zero { .. } | O::V128Load64Zero { .. } => Class::VectorMemory,
        O::V128Load8Lane { .. } | O::V128Load16Lane { .. } => Class::VectorMemory,
        O::V128Load32Lane { .. } | O::V128Load64Lane { .. } => Class::VectorMemory,
        O::V128Store8Lane { .. } | O::V128Store16Lane { .. } => Class::VectorMemory,
        O::V128Store32Lane { .. } | O::V128Store64Lane { .. } => Class::VectorMemory,

        O::Throw { .. } | O::ThrowRef => Class::Throw,

        other => return by_name(other).or_else(|| class_by_proposal(other)),
    })
}

/// `convert` and `float`, whose operators the text tells by what they do: that is in their names.
fn by_name(operator: &Operator<'_>) -> Option<Class> {
    let name = format!("{operator:?}");
    let name = name.split([' ', '{', '(']).next().unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let is_scalar_float = (name.starts_with("F32") || name.starts_with("F64"))
        && !name.starts_with("F32x4")
        && !name.starts_with("F64x2");
    // Rounding a float to a whole float is called `trunc` too, without a second type.
    let rounds = matches!(name, "F32Trunc" | "F64Trunc" | "F32x4Trunc" | "F64x2Trunc");
    if has(&["Convert", "Trunc", "Reinterpret", "Demote", "Promote"]) && !rounds {
        return Some(Class::Convert);
    }
    if has(&["AnyTrue", "AllTrue", "Bitmask"]) {
        return Some(Class::Convert);
    }
    (is_scalar_float && !has(&["Const"])).then_some(Class::Float)
}

/// `simple` is every other operator of WebAssembly 1.0, sign extension and saturating conversion;
/// `vector` is every other operator on vectors.
fn class_by_proposal(operator: &Operator<'_>) -> Option<Class> {
    macro_rules! by_proposal {
        ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
            match operator {
                $( Operator::$op { .. } => by_proposal!(of $proposal), )*
                _ => None,
            }
        };
        (of mvp) => { Some(Class::Simple) };
        (of sign_extension) => { Some(Class::Simple) };
        (of saturating_float_to_int) => { Some(Class::Simple) };
        (of simd) => { Some(Class::Vector) };
        (of $other:ident) => { None };
    }
    wasmparser::for_each_operator!(by_proposal)
}
