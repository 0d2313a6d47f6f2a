//! Owns the golden vectors of the bit-exact class: small models, their inputs, and the digests of what
//! every process of the class computes. Knows nothing of other models.

use sha2::{Digest, Sha256};
use tract_onnx::pb;

use super::NotBitExact;
use crate::backend::{Backend as _, TensorShape, guarded};
use crate::element::ElementType;
use crate::tensor::Tensor;
use crate::tract::TractBackend;

/// A model of one chain of operators over one input `x`, and the digest of its output's bytes.
struct Vector {
    name: &'static str,
    /// Elements of `x` along each dimension.
    dimensions: &'static [u32],
    /// Operators, each on what the one before gave, with the shape of the weight that it also takes.
    chain: &'static [(&'static str, &'static [i64])],
    digest: &'static str,
}

/// The digests were the same on a processor with AVX-512 and on four that were emulated without it, of
/// both makers. Sizes that are no multiple of a kernel's tile, so that edges of tiles are computed too.
const VECTORS: &[Vector] = &[
    Vector {
        name: "products of matrices",
        dimensions: &[37, 61],
        chain: &[("MatMul", &[61, 45]), ("MatMul", &[45, 1])],
        digest: "810f7cae5565f30fab222466215da20719203d8bd359abc6503fa7543d790dfe",
    },
    Vector {
        name: "products with one row",
        dimensions: &[1, 203],
        chain: &[("MatMul", &[203, 67]), ("MatMul", &[67, 19])],
        digest: "a813f1f18ae8c7c50a0ab260dc4e5cd86d5cc6475ceac5fcac2edfd72238f36f",
    },
    Vector {
        name: "convolutions",
        dimensions: &[1, 3, 19, 23],
        chain: &[
            ("Conv", &[10, 3, 3, 3]),
            ("Relu", &[]),
            ("Conv", &[7, 10, 1, 1]),
            ("AveragePool", &[]),
        ],
        digest: "8dc11ebec5ca940eda2010c9a8827250f96bd45c5383f2c389a16e4216940fca",
    },
    Vector {
        name: "exponentials",
        dimensions: &[5, 53],
        chain: &[("Exp", &[]), ("Softmax", &[]), ("Log", &[])],
        digest: "4eb7a951d1ee8f15851213c14d7af54e0f9c509b971e43f918def56119bb28b7",
    },
    Vector {
        name: "activations",
        dimensions: &[7, 41],
        chain: &[
            ("Sigmoid", &[]),
            ("Tanh", &[]),
            ("Erf", &[]),
            ("HardSwish", &[]),
            ("LeakyRelu", &[]),
            ("Softplus", &[]),
            ("Elu", &[]),
        ],
        digest: "1a6ace5c2508db32ab9344970b6f2d91dd60ac36619590d1712f4ffd088d5e95",
    },
    Vector {
        name: "reductions",
        dimensions: &[3, 31, 17],
        chain: &[
            ("Div", &[17]),
            ("Sqrt", &[]),
            ("ReduceMean", &[]),
            ("ReduceL2", &[]),
        ],
        digest: "f56c88bda649b2dcfdb2842b2e22afdd164b5568f215ed14ef7b94222d44e703",
    },
];

/// Computes all.
///
/// # Errors
/// At the first that differs.
pub(super) fn check() -> Result<(), NotBitExact> {
    VECTORS.iter().try_for_each(|vector| {
        let actual = guarded(|| compute(vector)).unwrap_or_else(|error| error.to_string());
        if actual == vector.digest {
            return Ok(());
        }
        Err(NotBitExact::Golden {
            name: vector.name,
            expected: vector.digest,
            actual,
        })
    })
}

fn compute(vector: &Vector) -> Result<String, String> {
    let backend = TractBackend::new(&model(vector), &["x".to_owned()])?;
    let elements: u32 = vector.dimensions.iter().product();
    let shape = TensorShape {
        dimensions: vector.dimensions.to_vec(),
        element_type: ElementType::F32,
    };
    let input = Tensor::new(
        shape.dimensions.clone(),
        shape.element_type,
        numbers(elements)
            .flat_map(f32::to_le_bytes)
            .collect::<Vec<_>>(),
    )
    .map_err(|error| error.to_string())?;
    let outputs = backend.prepare(&[shape])?.run(vec![input])?;
    let mut digest = Sha256::new();
    for output in &outputs {
        digest.update(output.data());
    }
    Ok(digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Numbers between −1 and 1 that fill all bits of a fraction, from a multiplication that wraps.
fn numbers(count: u32) -> impl Iterator<Item = f32> {
    (0..count).map(|index| {
        let mixed = index.wrapping_add(1).wrapping_mul(2_654_435_761);
        let [high, low] =
            [mixed >> 16, mixed & 0xffff].map(|half| u16::try_from(half).unwrap_or(0));
        (f32::from(high) + f32::from(low) / 65536.0) / 32768.0 - 1.0
    })
}

fn model(vector: &Vector) -> pb::ModelProto {
    let mut graph = pb::GraphProto {
        name: vector.name.to_owned(),
        input: vec![port("x")],
        ..Default::default()
    };
    let mut before = "x".to_owned();
    for (index, (operator, weight)) in vector.chain.iter().enumerate() {
        let after = format!("y{index}");
        let mut inputs = vec![before];
        if !weight.is_empty() {
            let name = format!("w{index}");
            let elements = weight.iter().product::<i64>();
            graph.initializer.push(pb::TensorProto {
                name: name.clone(),
                dims: weight.to_vec(),
                data_type: 1,
                // Above 0, so that they can divide.
                float_data: numbers(u32::try_from(elements).unwrap_or(0))
                    .map(|number| number.abs() + 0.125)
                    .collect(),
                ..Default::default()
            });
            inputs.push(name);
        }
        graph.node.push(pb::NodeProto {
            op_type: (*operator).to_owned(),
            input: inputs,
            output: vec![after.clone()],
            attribute: attributes(operator),
            ..Default::default()
        });
        before = after;
    }
    graph.output.push(port(&before));
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto {
            domain: String::new(),
            version: 14,
        }],
        graph: Some(graph),
        ..Default::default()
    }
}

fn attributes(operator: &str) -> Vec<pb::AttributeProto> {
    let integers = |name: &str, values: &[i64]| pb::AttributeProto {
        name: name.to_owned(),
        r#type: 7,
        ints: values.to_vec(),
        ..Default::default()
    };
    match operator {
        "AveragePool" => vec![integers("kernel_shape", &[3, 3])],
        "ReduceMean" => vec![integers("axes", &[1])],
        "ReduceL2" => vec![integers("axes", &[2])],
        _ => Vec::new(),
    }
}

fn port(name: &str) -> pb::ValueInfoProto {
    pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(pb::type_proto::Tensor {
                elem_type: 1,
                shape: None,
            })),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vector_can_be_computed_and_no_two_are_alike() {
        let mut digests: Vec<String> = VECTORS
            .iter()
            .map(|vector| {
                compute(vector).unwrap_or_else(|error| panic!("{}: {error}", vector.name))
            })
            .collect();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), VECTORS.len());
    }
}
