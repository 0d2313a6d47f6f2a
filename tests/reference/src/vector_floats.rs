//! What the operators on lanes of floats compute, where the lanes stay floats of their width.

use wasmparser::Operator;

use crate::float::{f32x, f64x};
use crate::lanes::{u32x4, u64x2};
use crate::operator::{Op, op};

/// An operator on lanes of floats; none if it is another.
pub(crate) fn floats(operator: &Operator<'_>) -> Option<Op> {
    f32x4_operator(operator).or_else(|| f64x2_operator(operator))
}

macro_rules! floats {
    ($name:ident, $lanes:ident, $f:ident, {
        $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident $abs:ident $neg:ident $ceil:ident $floor:ident
        $trunc:ident $nearest:ident $sqrt:ident $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident $pmin:ident $pmax:ident
    }) => {
        fn $name(operator: &Operator<'_>) -> Option<Op> {
            Some(match operator {
                Operator::$eq => op!(|a: V128, b: V128| -> V128: $lanes::compare(a, b, $f::eq)),
                Operator::$ne => op!(|a: V128, b: V128| -> V128: $lanes::compare(a, b, $f::ne)),
                Operator::$lt => op!(|a: V128, b: V128| -> V128: $lanes::compare(a, b, $f::lt)),
                Operator::$gt => op!(|a: V128, b: V128| -> V128: $lanes::compare(a, b, $f::gt)),
                Operator::$le => op!(|a: V128, b: V128| -> V128: $lanes::compare(a, b, $f::le)),
                Operator::$ge => op!(|a: V128, b: V128| -> V128: $lanes::compare(a, b, $f::ge)),
                Operator::$abs => op!(|a: V128| -> V128: $lanes::map(a, $f::abs)),
                Operator::$neg => op!(|a: V128| -> V128: $lanes::map(a, $f::neg)),
                Operator::$ceil => op!(|a: V128| -> V128: $lanes::map(a, $f::ceil)),
                Operator::$floor => op!(|a: V128| -> V128: $lanes::map(a, $f::floor)),
                Operator::$trunc => op!(|a: V128| -> V128: $lanes::map(a, $f::trunc)),
                Operator::$nearest => op!(|a: V128| -> V128: $lanes::map(a, $f::nearest)),
                Operator::$sqrt => op!(|a: V128| -> V128: $lanes::map(a, $f::sqrt)),
                Operator::$add => op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, $f::add)),
                Operator::$sub => op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, $f::sub)),
                Operator::$mul => op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, $f::mul)),
                Operator::$div => op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, $f::div)),
                Operator::$min => op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, $f::min)),
                Operator::$max => op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, $f::max)),
                Operator::$pmin => op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, $f::pmin)),
                Operator::$pmax => op!(|a: V128, b: V128| -> V128: $lanes::zip(a, b, $f::pmax)),
                _ => return None,
            })
        }
    };
}

floats!(f32x4_operator, u32x4, f32x, {
    F32x4Eq F32x4Ne F32x4Lt F32x4Gt F32x4Le F32x4Ge F32x4Abs F32x4Neg F32x4Ceil F32x4Floor
    F32x4Trunc F32x4Nearest F32x4Sqrt F32x4Add F32x4Sub F32x4Mul F32x4Div F32x4Min F32x4Max F32x4PMin F32x4PMax
});

floats!(f64x2_operator, u64x2, f64x, {
    F64x2Eq F64x2Ne F64x2Lt F64x2Gt F64x2Le F64x2Ge F64x2Abs F64x2Neg F64x2Ceil F64x2Floor
    F64x2Trunc F64x2Nearest F64x2Sqrt F64x2Add F64x2Sub F64x2Mul F64x2Div F64x2Min F64x2Max F64x2PMin F64x2PMax
});
