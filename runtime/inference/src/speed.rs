//! Owns a model to measure an engine with: products of matrices, of which most models are made. Measures nothing.

use prost::Message;
use tract_onnx::pb;

use crate::element::ElementType;

/// The bytes of a model whose output `y` is its input `x`, a square matrix with so many rows, multiplied with itself so
/// many times. Without any time it is `x` itself. Products of 8-bit integers are cut down to their lowest 8 bits.
#[must_use]
pub fn matrix_products(rows: u32, times: usize, element_type: ElementType) -> Vec<u8> {
    let number = element_type.onnx();
    let mut nodes = Vec::new();
    let mut last = "x".to_owned();
    for step in 1..=times {
        let product = format!("product{step}");
        if element_type == ElementType::I8 {
            let wide = format!("wide{step}");
            nodes.push(node("MatMulInteger", &[&last, "x"], &wide));
            nodes.push(pb::NodeProto {
                attribute: vec![pb::AttributeProto {
                    name: "to".to_owned(),
                    r#type: pb::attribute_proto::AttributeType::Int.into(),
                    i: number.into(),
                    ..Default::default()
                }],
                ..node("Cast", &[&wide], &product)
            });
        } else {
            nodes.push(node("MatMul", &[&last, "x"], &product));
        }
        last = product;
    }
    nodes.push(node("Identity", &[&last], "y"));
    let model = pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto {
            domain: String::new(),
            version: 13,
        }],
        graph: Some(pb::GraphProto {
            name: "products".to_owned(),
            node: nodes,
            input: vec![square("x", rows, number)],
            output: vec![square("y", rows, number)],
            ..Default::default()
        }),
        ..Default::default()
    };
    model.encode_to_vec()
}

fn node(operator: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: operator.to_owned(),
        name: output.to_owned(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

/// The declaration of a square matrix.
fn square(name: &str, rows: u32, element_type: i32) -> pb::ValueInfoProto {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let sizes = (0..2).map(|_| Dimension {
        value: Some(Value::DimValue(rows.into())),
        ..Default::default()
    });
    let tensor = pb::type_proto::Tensor {
        elem_type: element_type,
        shape: Some(pb::TensorShapeProto {
            dim: sizes.collect(),
        }),
    };
    pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Model, ModelLimits, Tensor};

    fn result(times: usize, element_type: ElementType, matrix: &[Vec<u8>]) -> Vec<u8> {
        let model = matrix_products(2, times, element_type);
        let model = Model::load(&model, &ModelLimits::default()).unwrap();
        let x = Tensor::new(vec![2, 2], element_type, matrix.concat()).unwrap();
        let outputs = model.compute(vec![("x".to_owned(), x)]).unwrap();
        outputs[0].1.data().to_vec()
    }

    /// In each type that is measured.
    #[test]
    fn a_matrix_is_multiplied_as_often_as_asked() {
        // Its square is twice the unit matrix, its third power twice itself.
        let [matrix, square, third] = [[0_i8, 1, 2, 0], [2, 0, 0, 2], [0, 2, 4, 0]];
        for (times, expected) in [(0, matrix), (1, square), (2, third)] {
            let f64s = |of: [i8; 4]| of.map(|value| f64::from(value).to_le_bytes().to_vec());
            let f32s = |of: [i8; 4]| of.map(|value| f32::from(value).to_le_bytes().to_vec());
            let f16s = |of: [i8; 4]| {
                of.map(|value| {
                    let bits = [0x0000_u16, 0x3c00, 0x4000, 0x4200, 0x4400]; // 0.0 to 4.0
                    bits[usize::try_from(value).unwrap()].to_le_bytes().to_vec()
                })
            };
            let i8s = |of: [i8; 4]| of.map(|value| value.to_le_bytes().to_vec());
            let of = |each: &dyn Fn([i8; 4]) -> [Vec<u8>; 4], element_type| {
                let found = result(times, element_type, &each(matrix));
                assert_eq!(found, each(expected).concat(), "{element_type} {times}");
            };
            of(&f64s, ElementType::F64);
            of(&f32s, ElementType::F32);
            of(&f16s, ElementType::F16);
            of(&i8s, ElementType::I8);
        }
    }
}
