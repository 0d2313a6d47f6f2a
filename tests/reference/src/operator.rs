//! An operator ready to run: what it needs, and where control goes. Says nothing of what it costs.

use wasmparser::Operator;

use crate::ending::Trap;
use crate::value::Value;
use crate::{access, scalar, vector, vector_floats, vector_integers};

/// Where a branch goes, and what it takes along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// The operator that is next.
    pub(crate) pc: usize,
    /// How many values at the top of the operand stack are kept.
    pub(crate) keep: usize,
    /// How many values are below them then, counted from where the frame's operands begin.
    pub(crate) height: usize,
}

/// Where a load or store goes, beside the address on the operand stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) memory: usize,
    pub(crate) offset: u64,
    pub(crate) bytes: u8,
}

/// An operator. Those of one shape have one variant, and bring the function that computes.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// `nop`, `block`, `try_table`, and the `end` of anything but the body.
    Nothing,
    Loop,
    If {
        otherwise: usize,
    },
    /// `else`, reached from above.
    Goto(usize),
    Br(Target),
    BrIf(Target),
    /// The default comes last.
    BrTable(Box<[Target]>),
    /// `return`, and the `end` of the body.
    Return,
    Unreachable,
    Call(u32),
    CallIndirect {
        ty: u32,
        table: usize,
    },
    ReturnCall(u32),
    ReturnCallIndirect {
        ty: u32,
        table: usize,
    },
    Throw(u32),
    ThrowRef,

    Drop,
    Select,
    LocalGet(usize),
    LocalSet(usize),
    LocalTee(usize),
    GlobalGet(usize),
    GlobalSet(usize),
    Const(Value),
    RefIsNull,
    Unary(fn(Value) -> Value),
    Binary(fn(Value, Value) -> Value),
    UnaryOrTrap(fn(Value) -> Result<Value, Trap>),
    BinaryOrTrap(fn(Value, Value) -> Result<Value, Trap>),
    Bitselect,
    Shuffle([u8; 16]),
    ExtractLane(fn(u128, u8) -> Value, u8),
    ReplaceLane(fn(u128, u8, Value) -> u128, u8),

    Load(Place, fn(u128) -> Value),
    Store(Place),
    LoadLane(Place, u8),
    StoreLane(Place, u8),

    MemorySize(usize),
    MemoryGrow(usize),
    MemoryFill(usize),
    MemoryCopy {
        to: usize,
        from: usize,
    },
    MemoryInit {
        memory: usize,
        data: usize,
    },
    DataDrop(usize),
    TableGet(usize),
    TableSet(usize),
    TableSize(usize),
    TableGrow(usize),
    TableFill(usize),
    TableCopy {
        to: usize,
        from: usize,
    },
    TableInit {
        table: usize,
        elements: usize,
    },
    ElemDrop(usize),
}

/// An index of WebAssembly, as an index of Rust.
pub(crate) fn index(index: u32) -> usize {
    usize::try_from(index).expect("a u32 fits")
}

/// An operator that needs nothing but itself; none if it is about control, or is not handled.
pub(crate) fn plain(operator: &Operator<'_>) -> Option<Op> {
    use crate::value::FuncRef;
    use Operator as O;
    Some(match operator {
        O::Nop => Op::Nothing,
        O::Unreachable => Op::Unreachable,
        O::Return => Op::Return,
        O::Call { function_index } => Op::Call(*function_index),
        O::ReturnCall { function_index } => Op::ReturnCall(*function_index),
        O::CallIndirect {
            type_index,
            table_index,
        } => Op::CallIndirect {
            ty: *type_index,
            table: index(*table_index),
        },
        O::ReturnCallIndirect {
            type_index,
            table_index,
        } => Op::ReturnCallIndirect {
            ty: *type_index,
            table: index(*table_index),
        },
        O::Throw { tag_index } => Op::Throw(*tag_index),
        O::ThrowRef => Op::ThrowRef,

        O::Drop => Op::Drop,
        O::Select | O::TypedSelect { .. } => Op::Select,
        O::LocalGet { local_index } => Op::LocalGet(index(*local_index)),
        O::LocalSet { local_index } => Op::LocalSet(index(*local_index)),
        O::LocalTee { local_index } => Op::LocalTee(index(*local_index)),
        O::GlobalGet { global_index } => Op::GlobalGet(index(*global_index)),
        O::GlobalSet { global_index } => Op::GlobalSet(index(*global_index)),

        O::I32Const { value } => Op::Const(Value::I32(value.cast_unsigned())),
        O::I64Const { value } => Op::Const(Value::I64(value.cast_unsigned())),
        O::F32Const { value } => Op::Const(Value::F32(value.bits())),
        O::F64Const { value } => Op::Const(Value::F64(value.bits())),
        O::V128Const { value } => Op::Const(Value::V128(u128::from_le_bytes(*value.bytes()))),
        O::RefNull { hty } => Op::Const(Value::null(*hty)?),
        O::RefFunc { function_index } => Op::Const(Value::Func(Some(FuncRef(*function_index)))),
        O::RefIsNull => Op::RefIsNull,

        O::MemorySize { mem } => Op::MemorySize(index(*mem)),
        O::MemoryGrow { mem } => Op::MemoryGrow(index(*mem)),
        O::MemoryFill { mem } => Op::MemoryFill(index(*mem)),
        O::MemoryCopy { dst_mem, src_mem } => Op::MemoryCopy {
            to: index(*dst_mem),
            from: index(*src_mem),
        },
        O::MemoryInit { data_index, mem } => Op::MemoryInit {
            memory: index(*mem),
            data: index(*data_index),
        },
        O::DataDrop { data_index } => Op::DataDrop(index(*data_index)),
        O::TableGet { table } => Op::TableGet(index(*table)),
        O::TableSet { table } => Op::TableSet(index(*table)),
        O::TableSize { table } => Op::TableSize(index(*table)),
        O::TableGrow { table } => Op::TableGrow(index(*table)),
        O::TableFill { table } => Op::TableFill(index(*table)),
        O::TableCopy {
            dst_table,
            src_table,
        } => Op::TableCopy {
            to: index(*dst_table),
            from: index(*src_table),
        },
        O::TableInit { elem_index, table } => Op::TableInit {
            table: index(*table),
            elements: index(*elem_index),
        },
        O::ElemDrop { elem_index } => Op::ElemDrop(index(*elem_index)),

        other => {
            return access::access(other)
                .or_else(|| scalar::scalar(other))
                .or_else(|| vector::vector(other))
                .or_else(|| vector_integers::integers(other))
                .or_else(|| vector_floats::floats(other));
        }
    })
}

/// One row of `scalar` or `vector`: the types of the operands and of the result, and the function.
macro_rules! op {
    (| $a:ident: $ta:ident | -> $r:ident: $result:expr) => {
        $crate::operator::Op::Unary(|a| match a {
            $crate::value::Value::$ta($a) => $crate::value::Value::$r($result),
            other => other.mistyped(),
        })
    };
    (| $a:ident: $ta:ident | -> $r:ident or trap: $result:expr) => {
        $crate::operator::Op::UnaryOrTrap(|a| match a {
            $crate::value::Value::$ta($a) => $result.map($crate::value::Value::$r),
            other => other.mistyped(),
        })
    };
    (| $a:ident: $ta:ident, $b:ident: $tb:ident | -> $r:ident: $result:expr) => {
        $crate::operator::Op::Binary(|a, b| match (a, b) {
            ($crate::value::Value::$ta($a), $crate::value::Value::$tb($b)) => {
                $crate::value::Value::$r($result)
            }
            (other, _) => other.mistyped(),
        })
    };
    (| $a:ident: $ta:ident, $b:ident: $tb:ident | -> $r:ident or trap: $result:expr) => {
        $crate::operator::Op::BinaryOrTrap(|a, b| match (a, b) {
            ($crate::value::Value::$ta($a), $crate::value::Value::$tb($b)) => {
                $result.map($crate::value::Value::$r)
            }
            (other, _) => other.mistyped(),
        })
    };
}
pub(crate) use op;
