//! What the fuzz target `any_model` does with the bytes that it draws: they are a model, or a model is built
//! from them that is valid enough to be walked. Reading it and asking for its cost must not panic, must end
//! soon, and must say the same twice. Knows no fuzzer: tests do the same with `fuzz/seeds/any_model`.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use meterbox_inference::{
    Blueprint, Cost, DeclaredDimension, ElementType, InputShape, ModelLimits, cost_table_text,
};
use prost::Message;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

/// Far above what any input of some kilobytes takes, on a busy machine, too.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads a model and asks for its cost. None where the bytes came to no model that has one.
pub fn any_model(data: &[u8]) -> Option<()> {
    let (&kind, rest) = data.split_first()?;
    let bytes = if kind % 4 == 0 {
        rest.to_vec()
    } else {
        Drawn { rest }.model().encode_to_vec()
    };
    let begun = Instant::now();
    let limits = ModelLimits {
        bytes_max: 1 << 20,
        nodes_max: 1_000,
        ..ModelLimits::default()
    };
    let blueprint = Blueprint::read(&bytes, &limits).ok()?;
    let walked = walk(&blueprint);
    assert_eq!(walked, walk(&blueprint), "the cost differs from itself");
    assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    walked
}

/// The cost for sizes that its inputs admit; the layers must add up to it.
fn walk(blueprint: &Blueprint) -> Option<()> {
    let mut answers = Vec::new();
    for size in [1, 2, 5] {
        let sizes = |declared: &Option<Vec<DeclaredDimension>>| {
            let declared = declared
                .clone()
                .unwrap_or_else(|| vec![DeclaredDimension::Any; 2]);
            let sizes = declared.iter().map(|dimension| match dimension {
                DeclaredDimension::Fixed(fixed) => *fixed,
                _ => size,
            });
            sizes.collect::<Vec<u32>>()
        };
        let dimensions: Vec<Vec<u32>> = (blueprint.inputs().iter())
            .map(|port| sizes(&port.dimensions))
            .collect();
        let shapes: Vec<InputShape<'_>> = (blueprint.inputs().iter().zip(&dimensions))
            .map(|(port, dimensions)| InputShape {
                name: &port.name,
                dimensions,
                element_type: port.element_type,
            })
            .collect();
        let Ok(breakdown) = blueprint.breakdown(&shapes) else {
            continue;
        };
        let sum = (breakdown.layers.iter())
            .try_fold(Cost::default(), |sum, layer| sum.checked_add(&layer.cost))
            .expect("the whole fits");
        assert_eq!(sum.operations, breakdown.cost.operations);
        assert_eq!(sum.weight_bytes, breakdown.cost.weight_bytes);
        answers.push(breakdown.cost);
    }
    (!answers.is_empty()).then_some(())
}

/// Bytes that decisions are drawn from; zeros when they are used up.
struct Drawn<'a> {
    rest: &'a [u8],
}

/// Attributes that shapes and costs depend on.
const INTEGERS: [&str; 20] = [
    "axis",
    "keepdims",
    "to",
    "group",
    "k",
    "batch_dims",
    "blocksize",
    "ceil_mode",
    "onesided",
    "inverse",
    "num_outputs",
    "num_groups",
    "size",
    "q_num_heads",
    "kv_num_heads",
    "hidden_size",
    "sampling_ratio",
    "num_scan_inputs",
    "transA",
    "layout",
];
const LISTS: [&str; 12] = [
    "axes",
    "kernel_shape",
    "strides",
    "pads",
    "dilations",
    "perm",
    "split",
    "output_shape",
    "output_padding",
    "pooled_shape",
    "scan_input_axes",
    "starts",
];
const TEXTS: [(&str, &str); 8] = [
    ("equation", "ij,jk->ik"),
    ("equation", "...i,...i->..."),
    ("auto_pad", "SAME_UPPER"),
    ("mode", "cubic"),
    ("mode", "linear"),
    ("direction", "bidirectional"),
    ("keep_aspect_ratio_policy", "not_larger"),
    ("reduction", "none"),
];
/// Operators that work on most values, with the number of their inputs: half of what is drawn, so that
/// models become longer than one node.
const SIMPLE: [(&str, usize); 16] = [
    ("Relu", 1),
    ("Exp", 1),
    ("Shape", 1),
    ("NonZero", 1),
    ("Transpose", 1),
    ("Flatten", 1),
    ("ReduceSum", 1),
    ("Softmax", 1),
    ("Identity", 1),
    ("Unique", 1),
    ("Add", 2),
    ("Mul", 2),
    ("MatMul", 2),
    ("Concat", 2),
    ("Gather", 2),
    ("Reshape", 2),
];
static OPERATORS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let table = cost_table_text();
    let lines = table.lines().skip(6);
    let names = lines.filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
    names.collect()
});
const TYPES: [i32; 8] = [1, 7, 9, 10, 2, 6, 11, 22];

/// An output of f32 and any dimensions.
fn float(name: &str) -> pb::ValueInfoProto {
    let tensor = pb::type_proto::Tensor {
        elem_type: 1,
        shape: None,
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

impl Drawn<'_> {
    fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&first, rest)) => {
                self.rest = rest;
                first
            }
            None => 0,
        }
    }

    fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// Mostly small, sometimes as large as it can be.
    fn integer(&mut self) -> i64 {
        match self.byte() {
            250 => i64::MAX,
            251 => i64::MIN,
            252 => 1 << 31,
            253 => 1 << 20,
            254 => -1,
            small => i64::from(small % 12) - 2,
        }
    }

    fn model(&mut self) -> pb::ModelProto {
        let version = match self.byte() % 32 {
            rare @ 0..8 => 7 + i64::from(rare),
            often => 13 + i64::from(often) / 2,
        };
        let mut names = Vec::new();
        let mut graph = pb::GraphProto::default();
        for index in 0..1 + self.below(3) {
            let name = format!("x{index}");
            graph.input.push(self.port(&name));
            names.push(name);
        }
        self.body(&mut graph, &mut names, "", 0);
        pb::ModelProto {
            ir_version: 8,
            opset_import: vec![pb::OperatorSetIdProto {
                domain: String::new(),
                version,
            }],
            graph: Some(graph),
            ..Default::default()
        }
    }

    fn port(&mut self, name: &str) -> pb::ValueInfoProto {
        use pb::tensor_shape_proto::{Dimension, dimension::Value};
        let dimensions = (0..self.below(6)).map(|_| match self.byte() % 8 {
            0 => Value::DimParam("N".into()),
            size => Value::DimValue(i64::from(size)),
        });
        let dim = dimensions.map(|value| Dimension {
            value: Some(value),
            ..Default::default()
        });
        let shape = pb::TensorShapeProto { dim: dim.collect() };
        let tensor = pb::type_proto::Tensor {
            elem_type: TYPES[self.below(16) / 6],
            shape: Some(shape),
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

    fn constant(&mut self, name: &str) -> pb::TensorProto {
        let count = self.below(6);
        let mut tensor = pb::TensorProto {
            name: name.into(),
            data_type: 7,
            dims: vec![i64::try_from(count).unwrap_or(0)],
            ..Default::default()
        };
        match self.byte() % 4 {
            0 => {
                tensor.data_type = 1;
                tensor.float_data = (0..count).map(|_| f32::from(self.byte()) / 4.0).collect();
            }
            1 => {
                tensor.dims.clear();
                tensor.int64_data = vec![self.integer()];
            }
            2 => {
                let rank = self.below(5);
                tensor.dims = (0..rank).map(|_| i64::from(self.byte() % 4)).collect();
                tensor.data_type = TYPES[self.below(TYPES.len())];
                let elements: i64 = tensor.dims.iter().product();
                let bytes = ElementType::from_onnx(tensor.data_type)
                    .and_then(|known| known.bytes_of(u64::try_from(elements).ok()?));
                tensor.raw_data = vec![0; usize::try_from(bytes.unwrap_or(0)).unwrap_or(0)];
            }
            _ => tensor.int64_data = (0..count).map(|_| self.integer()).collect(),
        }
        tensor
    }

    /// Constants and nodes over the values of these names, and outputs.
    fn body(
        &mut self,
        graph: &mut pb::GraphProto,
        names: &mut Vec<String>,
        prefix: &str,
        depth: usize,
    ) {
        for index in 0..self.below(5) {
            let name = format!("{prefix}c{index}");
            graph.initializer.push(self.constant(&name));
            names.push(name);
        }
        for index in 0..1 + self.below(8) {
            let drawn = self.byte();
            let (operator, count) = if depth < 3 && drawn < 24 {
                (
                    ["If", "Loop", "Scan"][usize::from(drawn % 3)],
                    self.below(5),
                )
            } else if drawn < 140 {
                SIMPLE[self.below(SIMPLE.len())]
            } else {
                (
                    OPERATORS[self.below(OPERATORS.len())].as_str(),
                    self.below(6),
                )
            };
            let output = format!("{prefix}v{index}");
            let inputs = (0..count).map(|_| match self.byte() {
                0 => String::new(),
                drawn => names[usize::from(drawn) % names.len()].clone(),
            });
            let mut node = pb::NodeProto {
                op_type: operator.into(),
                input: inputs.collect(),
                output: (0..1 + self.below(3))
                    .map(|n| format!("{output}_{n}"))
                    .collect(),
                ..Default::default()
            };
            node.attribute = self.attributes();
            if matches!(operator, "If" | "Loop" | "Scan") {
                self.graphs(&mut node, names, &output, depth);
            }
            names.extend(node.output.iter().cloned());
            graph.node.push(node);
        }
        for index in 0..1 + self.below(3) {
            let name = names[names.len() - 1 - self.below(names.len().min(4))].clone();
            // Whatever it is, as f32: an output's type must be declared.
            let output = format!("{prefix}o{index}");
            graph.node.push(pb::NodeProto {
                op_type: "Cast".into(),
                input: vec![name],
                output: vec![output.clone()],
                attribute: vec![pb::AttributeProto {
                    name: "to".into(),
                    r#type: AttributeType::Int.into(),
                    i: 1,
                    ..Default::default()
                }],
                ..Default::default()
            });
            graph.output.push(float(&output));
        }
    }

    fn graphs(&mut self, node: &mut pb::NodeProto, names: &[String], prefix: &str, depth: usize) {
        let held: &[&str] = if node.op_type == "If" {
            node.input.truncate(1);
            &["then_branch", "else_branch"]
        } else {
            &["body"]
        };
        for name in held {
            let mut graph = pb::GraphProto::default();
            let prefix = format!("{prefix}{}", &name[..1]);
            let mut inside = names.to_vec();
            if *name == "body" {
                for index in 0..node.input.len() {
                    let input = format!("{prefix}i{index}");
                    graph.input.push(self.port(&input));
                    inside.push(input);
                }
            }
            self.body(&mut graph, &mut inside, &prefix, depth + 1);
            node.attribute.push(pb::AttributeProto {
                name: (*name).into(),
                r#type: AttributeType::Graph.into(),
                g: Some(graph),
                ..Default::default()
            });
        }
    }

    fn attributes(&mut self) -> Vec<pb::AttributeProto> {
        let mut attributes: Vec<pb::AttributeProto> = Vec::new();
        for _ in 0..self.below(4) {
            let mut made = pb::AttributeProto::default();
            match self.byte() % 3 {
                0 => {
                    made.name = INTEGERS[self.below(INTEGERS.len())].into();
                    made.r#type = AttributeType::Int.into();
                    made.i = self.integer();
                }
                1 => {
                    made.name = LISTS[self.below(LISTS.len())].into();
                    made.r#type = AttributeType::Ints.into();
                    made.ints = (0..self.below(6)).map(|_| self.integer()).collect();
                }
                _ => {
                    let (name, text) = TEXTS[self.below(TEXTS.len())];
                    made.name = name.into();
                    made.r#type = AttributeType::String.into();
                    made.s = text.into();
                }
            }
            if attributes.iter().all(|known| known.name != made.name) {
                attributes.push(made);
            }
        }
        attributes
    }
}
