//! Owns leaving out constants that nothing reads: an engine may take long to look through them, and needs none.

use std::collections::HashSet;

use tract_onnx::pb;

/// Takes constants out of a checked model that no node and no output names, in graphs within nodes, too.
pub(crate) fn drop_unread(model: &mut pb::ModelProto) {
    let mut read = HashSet::new();
    if let Some(graph) = &model.graph {
        note(graph, &mut read);
    }
    if let Some(graph) = &mut model.graph {
        retain(graph, &read);
    }
}

fn note(graph: &pb::GraphProto, read: &mut HashSet<String>) {
    read.extend(graph.output.iter().map(|output| output.name.clone()));
    for node in &graph.node {
        read.extend(node.input.iter().cloned());
        for inner in node
            .attribute
            .iter()
            .filter_map(|attribute| attribute.g.as_ref())
        {
            note(inner, read);
        }
    }
}

fn retain(graph: &mut pb::GraphProto, read: &HashSet<String>) {
    let is_unread: HashSet<String> = graph
        .initializer
        .iter()
        .filter(|tensor| !read.contains(&tensor.name))
        .map(|tensor| tensor.name.clone())
        .collect();
    graph
        .initializer
        .retain(|tensor| !is_unread.contains(&tensor.name));
    // Old files list constants among the inputs, too.
    graph.input.retain(|input| !is_unread.contains(&input.name));
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        if let Some(inner) = &mut attribute.g {
            retain(inner, read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constants(names: &[&str]) -> Vec<pb::TensorProto> {
        let tensors = names.iter().map(|&name| pb::TensorProto {
            name: name.into(),
            ..Default::default()
        });
        tensors.collect()
    }

    fn left(graph: &pb::GraphProto) -> Vec<&str> {
        graph
            .initializer
            .iter()
            .map(|tensor| tensor.name.as_str())
            .collect()
    }

    #[test]
    fn what_a_node_an_inner_graph_or_an_output_reads_stays() {
        let inner = pb::GraphProto {
            initializer: constants(&["inner", "inner-unread"]),
            node: vec![pb::NodeProto {
                input: vec!["inner".into(), "of-around".into()],
                ..Default::default()
            }],
            ..Default::default()
        };
        let graph = pb::GraphProto {
            initializer: constants(&["a", "of-around", "given-out", "unread"]),
            input: ["x", "unread"]
                .map(|name| pb::ValueInfoProto {
                    name: name.into(),
                    ..Default::default()
                })
                .to_vec(),
            output: vec![pb::ValueInfoProto {
                name: "given-out".into(),
                ..Default::default()
            }],
            node: vec![pb::NodeProto {
                input: vec!["x".into(), "a".into()],
                attribute: vec![pb::AttributeProto {
                    g: Some(inner),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut model = pb::ModelProto {
            graph: Some(graph),
            ..Default::default()
        };
        drop_unread(&mut model);
        let graph = model.graph.unwrap();
        assert_eq!(left(&graph), ["a", "of-around", "given-out"]);
        assert_eq!(graph.input.len(), 1);
        assert_eq!(
            left(graph.node[0].attribute[0].g.as_ref().unwrap()),
            ["inner"]
        );
    }
}
