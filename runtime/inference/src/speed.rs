//! Owns a model to measure an engine with: products of matrices, of which most models are made. Measures nothing.

use prost::Message;
use tract_onnx::pb;

/// The bytes of a model whose output `y` is its input `x`, a square matrix of f32 with so many rows, multiplied with
/// itself so many times. Without any time it is `x` itself.
#[must_use]
pub fn matrix_products(rows: u32, times: usize) -> Vec<u8> {
    let value = |step: usize| match step {
        0 => "x".to_owned(),
        _ => format!("x{step}"),
    };
    let node = |operator: &str, inputs: &[&str], output: String| pb::NodeProto {
        op_type: operator.to_owned(),
        name: output.clone(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output],
        ..Default::default()
    };
    let mut nodes: Vec<pb::NodeProto> = (0..times)
        .map(|step| node("MatMul", &[&value(step), "x"], value(step + 1)))
        .collect();
    nodes.push(node("Identity", &[&value(times)], "y".to_owned()));
    let sizes = (0..2).map(|_| pb::tensor_shape_proto::Dimension {
        value: Some(pb::tensor_shape_proto::dimension::Value::DimValue(
            rows.into(),
        )),
        ..Default::default()
    });
    let shape = pb::TensorShapeProto {
        dim: sizes.collect(),
    };
    let port = |name: &str| pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(pb::type_proto::Tensor {
                elem_type: 1,
                shape: Some(shape.clone()),
            })),
            ..Default::default()
        }),
        ..Default::default()
    };
    let model = pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto {
            domain: String::new(),
            version: 13,
        }],
        graph: Some(pb::GraphProto {
            name: "products".to_owned(),
            node: nodes,
            input: vec![port("x")],
            output: vec![port("y")],
            ..Default::default()
        }),
        ..Default::default()
    };
    model.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ElementType, Model, ModelLimits, Tensor};

    #[test]
    fn a_matrix_is_multiplied_as_often_as_asked() {
        let bytes: Vec<u8> = [0_f32, 1.0, 2.0, 0.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        // Its square is twice the unit matrix.
        let square: Vec<u8> = [2_f32, 0.0, 0.0, 2.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        for (times, expected) in [(0, &bytes), (1, &square)] {
            let model = Model::load(&matrix_products(2, times), &ModelLimits::default()).unwrap();
            let x = Tensor::new(vec![2, 2], ElementType::F32, bytes.clone()).unwrap();
            let outputs = model.compute(vec![("x".to_owned(), x)]).unwrap();
            assert_eq!(outputs[0].1.data(), expected);
        }
    }
}
