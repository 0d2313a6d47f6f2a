//! Owns the check of a model's bytes before they are parsed: that they are well-formed protobuf
//! messages, and that parsing them cannot take memory out of proportion. Interprets no graph.

use crate::limits::ModelLimits;
use crate::load::ModelError;

/// Subgraphs may lie in subgraphs; this many levels are looked through to name their operators well.
const DEPTH_MAX: u32 = 16;

/// What a length-delimited field holds, as far as counting needs to know.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    /// A message counted by its bytes: names, types, shapes.
    Declaration,
    /// Text, raw data or packed numbers: at most eight bytes of memory for one.
    Plain,
}

impl Message {
    /// What field `number` of this message holds (numbers from onnx.proto3).
    fn field(self, number: u64) -> Self {
        match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Self::Tensor,
            (Self::Node, 5) => Self::Attribute,
            (Self::Model, 8 | 14 | 20 | 25)
            | (Self::Graph, 11..=16)
            | (Self::Attribute, 14 | 15 | 22 | 23)
            | (Self::Node, 9)
            | (Self::Tensor, 3 | 13 | 16) => Self::Declaration,
            _ => Self::Plain,
        }
    }
}

struct Count<'a> {
    fields: u64,
    declaration_bytes: u64,
    limits: &'a ModelLimits,
}

/// Walks the bytes once.
///
/// # Errors
/// When they are no protobuf message, end early, or exceed `fields_max` or `declaration_bytes_max`.
pub(crate) fn check(bytes: &[u8], limits: &ModelLimits) -> Result<(), ModelError> {
    let mut count = Count {
        fields: 0,
        declaration_bytes: 0,
        limits,
    };
    walk(bytes, Message::Model, 0, &mut count)
}

fn walk(
    mut bytes: &[u8],
    message: Message,
    depth: u32,
    count: &mut Count<'_>,
) -> Result<(), ModelError> {
    if depth > DEPTH_MAX * 3 {
        return Err(ModelError::Malformed("subgraphs are nested too deeply"));
    }
    while !bytes.is_empty() {
        count.fields = count.fields.saturating_add(1);
        if count.fields > count.limits.fields_max {
            return Err(ModelError::TooManyFields {
                fields_max: count.limits.fields_max,
            });
        }
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => {
                varint(&mut bytes)?;
            }
            1 => skip(&mut bytes, 8)?,
            5 => skip(&mut bytes, 4)?,
            2 => {
                let length = varint(&mut bytes)?;
                let length = usize::try_from(length).map_err(|_| TRUNCATED)?;
                let (inner, rest) = bytes.split_at_checked(length).ok_or(TRUNCATED)?;
                bytes = rest;
                descend(inner, message.field(tag >> 3), depth, count)?;
            }
            _ => return Err(ModelError::Malformed("a field has an unknown wire type")),
        }
    }
    Ok(())
}

fn descend(
    inner: &[u8],
    message: Message,
    depth: u32,
    count: &mut Count<'_>,
) -> Result<(), ModelError> {
    match message {
        Message::Plain => Ok(()),
        Message::Declaration => {
            let bytes = u64::try_from(inner.len()).unwrap_or(u64::MAX);
            count.declaration_bytes = count.declaration_bytes.saturating_add(bytes);
            if count.declaration_bytes > count.limits.declaration_bytes_max {
                return Err(ModelError::TooManyDeclarations {
                    declaration_bytes_max: count.limits.declaration_bytes_max,
                });
            }
            Ok(())
        }
        message => walk(inner, message, depth.saturating_add(1), count),
    }
}

const TRUNCATED: ModelError = ModelError::Malformed("a field ends after the end of its message");

fn skip(bytes: &mut &[u8], length: usize) -> Result<(), ModelError> {
    *bytes = bytes.get(length..).ok_or(TRUNCATED)?;
    Ok(())
}

/// Little-endian groups of seven bits, at most ten of them.
fn varint(bytes: &mut &[u8]) -> Result<u64, ModelError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(TRUNCATED)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).wrapping_shl(shift); // bits past 64 fall off, as protobuf says
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ModelError::Malformed("a number is longer than ten bytes"))
}
