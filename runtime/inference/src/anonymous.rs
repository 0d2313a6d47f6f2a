//! Gives all that a model names numbers instead, before an engine reads it, so that no name is in what an engine
//! says of the model. Attributes stay as they are. Looks at no meaning.

use std::collections::HashMap;

use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as Type;

/// The numbers that names were given.
#[derive(Default)]
pub(crate) struct Numbers(HashMap<String, String>);

/// Takes the names out of a model, whose subgraphs are not nested deeply. Values of one name, in whichever
/// graphs, have one number afterwards; nodes have no names, since files repeat them, which tract refuses in
/// some builds and not in others. Without one it takes that of the first output, which occurs once.
pub(crate) fn anonymise(model: &mut pb::ModelProto) -> Numbers {
    let mut numbers = Numbers::default();
    model.doc_string.clear();
    model.metadata_props.clear();
    model.producer_name.clear();
    model.producer_version.clear();
    if let Some(graph) = &mut model.graph {
        numbers.rename_graph(graph);
    }
    numbers
}

impl Numbers {
    /// What a name has become.
    pub(crate) fn of(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_default()
    }

    fn rename(&mut self, name: &mut String) {
        // No name is none: an input or an output that is left out.
        if name.is_empty() {
            return;
        }
        let next = self.0.len();
        let number = self.0.entry(std::mem::take(name));
        name.clone_from(number.or_insert_with(|| format!("v{next}")));
    }

    fn rename_graph(&mut self, graph: &mut pb::GraphProto) {
        self.rename(&mut graph.name);
        graph.doc_string.clear();
        // Hints that no engine needs to compute.
        graph.quantization_annotation.clear();
        for port in graph
            .input
            .iter_mut()
            .chain(&mut graph.output)
            .chain(&mut graph.value_info)
        {
            self.rename_port(port);
        }
        for tensor in &mut graph.initializer {
            self.rename_tensor(tensor);
        }
        for sparse in &mut graph.sparse_initializer {
            self.rename_sparse(sparse);
        }
        for node in &mut graph.node {
            node.name.clear();
            node.doc_string.clear();
            for name in node.input.iter_mut().chain(&mut node.output) {
                self.rename(name);
            }
            for attribute in &mut node.attribute {
                self.rename_attribute(attribute);
            }
        }
    }

    fn rename_port(&mut self, port: &mut pb::ValueInfoProto) {
        self.rename(&mut port.name);
        port.doc_string.clear();
        let Some(declared) = &mut port.r#type else {
            return;
        };
        declared.denotation.clear();
        if let Some(Type::TensorType(tensor)) = &mut declared.value {
            for dimension in tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim) {
                dimension.denotation.clear();
                if let Some(Dimension::DimParam(name)) = &mut dimension.value {
                    self.rename(name);
                }
            }
        }
    }

    fn rename_tensor(&mut self, tensor: &mut pb::TensorProto) {
        self.rename(&mut tensor.name);
        tensor.doc_string.clear();
    }

    fn rename_sparse(&mut self, sparse: &mut pb::SparseTensorProto) {
        for tensor in sparse.values.iter_mut().chain(&mut sparse.indices) {
            self.rename_tensor(tensor);
        }
    }

    /// The name of an attribute is its operator's.
    fn rename_attribute(&mut self, attribute: &mut pb::AttributeProto) {
        attribute.doc_string.clear();
        for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
            self.rename_tensor(tensor);
        }
        let sparse = attribute.sparse_tensor.iter_mut();
        for sparse in sparse.chain(&mut attribute.sparse_tensors) {
            self.rename_sparse(sparse);
        }
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            self.rename_graph(graph);
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn port(name: &str) -> pb::ValueInfoProto {
        let dimension = pb::tensor_shape_proto::Dimension {
            value: Some(Dimension::DimParam("secret size".into())),
            denotation: "secret".into(),
        };
        pb::ValueInfoProto {
            name: name.into(),
            doc_string: "secret".into(),
            r#type: Some(pb::TypeProto {
                denotation: "secret".into(),
                value: Some(Type::TensorType(pb::type_proto::Tensor {
                    elem_type: 1,
                    shape: Some(pb::TensorShapeProto {
                        dim: vec![dimension],
                    }),
                })),
            }),
        }
    }

    fn tensor(name: &str) -> pb::TensorProto {
        pb::TensorProto {
            name: name.into(),
            doc_string: "secret".into(),
            ..Default::default()
        }
    }

    fn graph(node: pb::NodeProto) -> pb::GraphProto {
        pb::GraphProto {
            name: "secret graph".into(),
            doc_string: "secret".into(),
            node: vec![node],
            input: vec![port("secret x")],
            output: vec![port("secret y")],
            value_info: vec![port("secret z")],
            initializer: vec![tensor("secret weights")],
            sparse_initializer: vec![pb::SparseTensorProto {
                values: Some(tensor("secret values")),
                indices: Some(tensor("secret indices")),
                dims: vec![1],
            }],
            quantization_annotation: vec![pb::TensorAnnotation {
                tensor_name: Some("secret x".into()),
                ..Default::default()
            }],
        }
    }

    fn node(operator: &str, attribute: pb::AttributeProto) -> pb::NodeProto {
        pb::NodeProto {
            name: "secret node".into(),
            op_type: operator.into(),
            doc_string: "secret".into(),
            input: vec!["secret x".into(), String::new(), "secret weights".into()],
            output: vec!["secret y".into()],
            attribute: vec![attribute],
            ..Default::default()
        }
    }

    #[test]
    fn names_are_gone_and_what_they_joined_is_still_joined() {
        let constant = pb::AttributeProto {
            name: "value".into(),
            doc_string: "secret".into(),
            t: Some(tensor("secret constant")),
            ..Default::default()
        };
        let branch = pb::AttributeProto {
            name: "then_branch".into(),
            g: Some(graph(node("Constant", constant))),
            ..Default::default()
        };
        let mut model = pb::ModelProto {
            producer_name: "secret".into(),
            producer_version: "secret".into(),
            doc_string: "secret".into(),
            metadata_props: vec![pb::StringStringEntryProto {
                key: "secret".into(),
                value: "secret".into(),
            }],
            graph: Some(graph(node("If", branch))),
            ..Default::default()
        };
        let numbers = anonymise(&mut model);
        let bytes = model.encode_to_vec();
        let said = String::from_utf8_lossy(&bytes);
        assert!(!said.contains("secret"), "{said}");
        assert!(said.contains("If") && said.contains("then_branch") && said.contains("Constant"));

        let outer = model.graph.unwrap();
        let outside = &outer.node[0];
        let inner = outside.attribute[0].g.as_ref().unwrap();
        assert_eq!(outside.input[0], numbers.of("secret x"));
        assert_eq!(outside.input[0], outer.input[0].name);
        assert_eq!(outside.input[1], "", "an input that is left out stays so");
        assert_eq!(outside.input[2], outer.initializer[0].name);
        assert_eq!(inner.node[0].input, outside.input);
        assert_ne!(numbers.of("secret x"), numbers.of("secret y"));
    }
}
