//! Owns what of a checked model ONNX Runtime gets to see. Interprets no operators.

use std::collections::HashSet;

use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;

/// Levels of subgraphs that are gone through; the parser's own limit is lower.
const DEPTH_MAX: u32 = 64;

/// A copy without what is not needed to compute: free text that some versions read settings from, and
/// declared shapes of intermediate values and outputs, which are often wrong and all follow from the
/// inputs. Fields that the parser does not know are gone with the copy.
///
/// # Errors
/// When a tensor's data lies outside the model.
pub(super) fn rewrite(model: &pb::ModelProto) -> Result<pb::ModelProto, String> {
    let mut model = model.clone();
    model.metadata_props.clear();
    model.functions.clear();
    model.training_info.clear();
    if let Some(graph) = &mut model.graph {
        rewrite_graph(graph, 0)?;
        let constants: HashSet<String> = graph
            .initializer
            .iter()
            .map(|tensor| tensor.name.clone())
            .collect();
        // Listed as inputs too, constants could be overridden, and nothing would be computed from them
        // beforehand. Files older than version 4 must list them.
        if model.ir_version >= 4 {
            graph.input.retain(|input| !constants.contains(&input.name));
        }
        for dimension in graph.input.iter_mut().flat_map(dimensions) {
            // Old exporters write 0 for a size that is open.
            if matches!(dimension.value, Some(Dimension::DimValue(0))) {
                dimension.value = None;
            }
        }
    }
    Ok(model)
}

fn dimensions(
    value: &mut pb::ValueInfoProto,
) -> impl Iterator<Item = &mut pb::tensor_shape_proto::Dimension> {
    let shape = value
        .r#type
        .as_mut()
        .and_then(|declared| declared.value.as_mut())
        .and_then(|pb::type_proto::Value::TensorType(tensor)| tensor.shape.as_mut());
    shape.into_iter().flat_map(|shape| shape.dim.iter_mut())
}

fn rewrite_graph(graph: &mut pb::GraphProto, depth: u32) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err("subgraphs are nested too deeply".to_owned());
    }
    graph.value_info.clear();
    for output in &mut graph.output {
        if let Some(pb::type_proto::Value::TensorType(tensor)) = output
            .r#type
            .as_mut()
            .and_then(|declared| declared.value.as_mut())
        {
            tensor.shape = None;
        }
    }
    graph.initializer.iter().try_for_each(check_inside)?;
    for sparse in &graph.sparse_initializer {
        sparse
            .values
            .iter()
            .chain(&sparse.indices)
            .try_for_each(check_inside)?;
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        attribute
            .t
            .iter()
            .chain(&attribute.tensors)
            .try_for_each(check_inside)?;
        let sparse = attribute
            .sparse_tensor
            .iter()
            .chain(&attribute.sparse_tensors);
        for tensor in sparse.flat_map(|sparse| sparse.values.iter().chain(&sparse.indices)) {
            check_inside(tensor)?;
        }
        for subgraph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            rewrite_graph(subgraph, depth.saturating_add(1))?;
        }
    }
    Ok(())
}

/// The library would open a path relative to its working folder, and even takes an address in memory
/// for one.
fn check_inside(tensor: &pb::TensorProto) -> Result<(), String> {
    if tensor.data_location.unwrap_or(0) != 0 || !tensor.external_data.is_empty() {
        return Err(format!(
            "the data of tensor `{}` lies outside the model",
            tensor.name
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside() -> pb::TensorProto {
        pb::TensorProto {
            name: "w".into(),
            dims: vec![1],
            data_type: 1,
            data_location: Some(1),
            external_data: vec![pb::StringStringEntryProto {
                key: "location".into(),
                value: "*/_ORT_MEM_ADDR_/*".into(),
            }],
            ..Default::default()
        }
    }

    fn node(attribute: pb::AttributeProto) -> pb::GraphProto {
        pb::GraphProto {
            node: vec![pb::NodeProto {
                attribute: vec![attribute],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn tensor_outside_the_model_is_refused_wherever_it_stands() {
        let constant = pb::GraphProto {
            initializer: vec![outside()],
            ..Default::default()
        };
        let sparse = pb::SparseTensorProto {
            values: Some(outside()),
            ..Default::default()
        };
        let places = [
            constant.clone(),
            pb::GraphProto {
                sparse_initializer: vec![sparse.clone()],
                ..Default::default()
            },
            node(pb::AttributeProto {
                t: Some(outside()),
                ..Default::default()
            }),
            node(pb::AttributeProto {
                tensors: vec![outside()],
                ..Default::default()
            }),
            node(pb::AttributeProto {
                sparse_tensor: Some(sparse.clone()),
                ..Default::default()
            }),
            node(pb::AttributeProto {
                sparse_tensors: vec![sparse],
                ..Default::default()
            }),
            node(pb::AttributeProto {
                g: Some(constant.clone()),
                ..Default::default()
            }),
            node(pb::AttributeProto {
                graphs: vec![constant],
                ..Default::default()
            }),
        ];
        for graph in places {
            let model = pb::ModelProto {
                graph: Some(graph),
                ..Default::default()
            };
            let error = rewrite(&model).unwrap_err();
            assert!(error.contains("outside the model"), "{error}");
        }
    }
}
