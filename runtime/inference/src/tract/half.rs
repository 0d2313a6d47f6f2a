//! Owns convolutions of f16: tract multiplies their windows one by one, several hundred times slower than those of f32.
//! They are computed in f32 and rounded once, as ONNX Runtime does. Knows no other operator.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::cnn::Conv;

/// The graph with its convolutions of f16 between conversions.
pub(super) fn widen(mut model: TypedModel) -> TractResult<TypedModel> {
    let nodes: Vec<usize> = model.nodes().iter().map(|node| node.id).collect();
    for id in nodes {
        let node = model.node(id);
        let windows = node.op_as::<Conv>().map(|conv| &conv.pool_spec);
        // Without a window it is a product of matrices, for which tract has a kernel of f16.
        if windows.is_none_or(|windows| windows.kernel_shape.iter().all(|&size| size == 1)) {
            continue;
        }
        if node.outputs.first().map(|output| output.fact.datum_type) != Some(DatumType::F16) {
            continue;
        }
        let mut patch = TypedModelPatch::default();
        let mut wide = TVec::new();
        for (index, &input) in node.inputs.iter().enumerate() {
            let tap = patch.tap_model(&model, input)?;
            let name = format!("{}.wide{index}", node.name);
            wide.extend(patch.wire_node(name, cast(DatumType::F32), &[tap])?);
        }
        let convolved = patch.wire_node(format!("{}.f32", node.name), node.op.clone(), &wide)?;
        let half = patch.wire_node(&node.name, cast(DatumType::F16), &convolved)?;
        let first = half
            .first()
            .ok_or_else(|| TractError::msg("a conversion has no output"))?;
        patch.shunt_outside(&model, id.into(), *first)?;
        patch.apply(&mut model)?;
    }
    Ok(model)
}
