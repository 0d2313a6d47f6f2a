//! Owns a builder of small ONNX models for tests, and the shared look at the models of the examples.

use meterbox_inference::{
    Blueprint, Cost, ElementType, InputShape, Model, ModelError, ModelLimits,
};
use prost::Message;
use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};

pub const F32: i32 = 1;
pub const I64: i32 = 7;

// Charges of what operators have in common, as the cost table prints them.
pub const NODE: u64 = 1_024;
pub const STEP: u64 = 8_192;
pub const BINDING: u64 = 128;
/// What an operator that is made up of others is charged beyond its node: 31 more.
pub const COMPOSED: u64 = 31 * NODE;
pub const PRODUCT: u64 = 2_048;
pub const GROUP: u64 = 1_024;
pub const ROW: u64 = 512;
pub const ELEMENT: u64 = 16;
pub const LAYOUT: u64 = 32;
pub const VIEW: u64 = 4;

/// A graph under construction.
#[derive(Default, Clone)]
pub struct Onnx {
    pub graph: pb::GraphProto,
    pub opset: i64,
}

impl Onnx {
    pub fn new() -> Self {
        Self {
            graph: pb::GraphProto {
                name: "test".into(),
                ..Default::default()
            },
            opset: 17,
        }
    }

    pub fn input(mut self, name: &str, element_type: i32, dimensions: &[i64]) -> Self {
        self.graph.input.push(port(name, element_type, dimensions));
        self
    }

    pub fn output(mut self, name: &str, element_type: i32) -> Self {
        self.graph.output.push(port(name, element_type, &[]));
        if let Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(t)),
            ..
        }) = self.graph.output.last_mut().unwrap().r#type.as_mut()
        {
            t.shape = None;
        }
        self
    }

    /// An f32 constant whose elements are small multiples of 1/8.
    pub fn weights(mut self, name: &str, dimensions: &[i64]) -> Self {
        let count: i64 = dimensions.iter().product();
        let data = (0..count)
            .map(|n| f32::from(i16::try_from(n % 7).unwrap()) / 8.0)
            .collect();
        self.graph.initializer.push(pb::TensorProto {
            name: name.into(),
            dims: dimensions.to_vec(),
            data_type: F32,
            float_data: data,
            ..Default::default()
        });
        self
    }

    pub fn integers(mut self, name: &str, values: &[i64]) -> Self {
        self.graph.initializer.push(pb::TensorProto {
            name: name.into(),
            dims: vec![i64::try_from(values.len()).unwrap()],
            data_type: I64,
            int64_data: values.to_vec(),
            ..Default::default()
        });
        self
    }

    pub fn opset(mut self, version: i64) -> Self {
        self.opset = version;
        self
    }

    pub fn floats(mut self, name: &str, values: &[f32]) -> Self {
        self.graph.initializer.push(pb::TensorProto {
            name: name.into(),
            dims: vec![i64::try_from(values.len()).unwrap()],
            data_type: F32,
            float_data: values.to_vec(),
            ..Default::default()
        });
        self
    }

    /// A constant of zeros of any type, of so many bytes.
    pub fn zeros(
        mut self,
        name: &str,
        element_type: i32,
        dimensions: &[i64],
        bytes: usize,
    ) -> Self {
        self.graph.initializer.push(pb::TensorProto {
            name: name.into(),
            dims: dimensions.to_vec(),
            data_type: element_type,
            raw_data: vec![0; bytes],
            ..Default::default()
        });
        self
    }

    /// An i64 constant without dimensions.
    pub fn scalar(self, name: &str, value: i64) -> Self {
        let mut onnx = self.integers(name, &[value]);
        onnx.graph.initializer.last_mut().unwrap().dims.clear();
        onnx
    }

    pub fn node(
        mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<pb::AttributeProto>,
    ) -> Self {
        self.graph.node.push(pb::NodeProto {
            op_type: operator.into(),
            name: format!("{operator}_{}", self.graph.node.len()),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            attribute: attributes,
            ..Default::default()
        });
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        pb::ModelProto {
            ir_version: 8,
            opset_import: vec![pb::OperatorSetIdProto {
                domain: String::new(),
                version: self.opset,
            }],
            graph: Some(self.graph.clone()),
            ..Default::default()
        }
        .encode_to_vec()
    }

    pub fn read(&self) -> Result<Blueprint, ModelError> {
        Blueprint::read(&self.bytes(), &ModelLimits::default())
    }

    pub fn load(&self) -> Result<Model, meterbox_inference::ModelError> {
        Model::load(&self.bytes(), &ModelLimits::default())
    }
}

pub fn port(name: &str, element_type: i32, dimensions: &[i64]) -> pb::ValueInfoProto {
    let dim = dimensions
        .iter()
        .map(|&size| Dimension {
            value: Some(if size < 0 {
                Value::DimParam(format!("N{size}"))
            } else {
                Value::DimValue(size)
            }),
            ..Default::default()
        })
        .collect();
    let tensor = pb::type_proto::Tensor {
        elem_type: element_type,
        shape: Some(pb::TensorShapeProto { dim }),
    };
    pb::ValueInfoProto {
        name: name.into(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub fn int(name: &str, value: i64) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: 2,
        i: value,
        ..Default::default()
    }
}

pub fn ints(name: &str, values: &[i64]) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: 7,
        ints: values.to_vec(),
        ..Default::default()
    }
}

/// A graph within a node.
pub fn within(name: &str, onnx: Onnx) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: 5,
        g: Some(onnx.graph),
        ..Default::default()
    }
}

pub fn text(name: &str, value: &str) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: 3,
        s: value.into(),
        ..Default::default()
    }
}

/// A model of the examples.
pub fn example(file: &str) -> Vec<u8> {
    let path = format!(
        "{}/../../examples/models/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub fn cost_f32(model: &Model, inputs: &[(&str, &[u32])]) -> Cost {
    let shapes: Vec<_> = inputs
        .iter()
        .map(|&(name, dimensions)| InputShape {
            name,
            dimensions,
            element_type: ElementType::F32,
        })
        .collect();
    model.cost(&shapes).unwrap()
}
