//! Owns ONNX's Cast for tract. tract's own makes of whole numbers of 64 bits its type for numbers about shapes, which loses
//! what is beyond 32 bits, and which several operators do not compute with.

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::InferenceOp;
use tract_onnx::tract_hir::ops::cast::cast;

/// Reads Cast by this module from now on.
pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("Cast", read);
}

fn read(
    _: &ParsingContext<'_>,
    node: &pb::NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let to = node.get_attr::<DatumType>("to")?;
    Ok((Box::new(cast(to)), vec![]))
}
