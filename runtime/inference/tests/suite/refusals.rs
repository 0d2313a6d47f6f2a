//! Checks that bad models and bad calls get an error that names what is wrong, and never a panic.

use meterbox_inference::{
    ComputeError, ElementType, InputShape, Model, ModelError, ModelLimits, Tensor,
};
use prost::Message as _;
use tract_onnx::pb;

use crate::build::{F32, Onnx, example, int, ints};

fn load(bytes: &[u8]) -> Result<Model, ModelError> {
    Model::load(bytes, &ModelLimits::default())
}

fn add() -> Onnx {
    Onnx::new()
        .input("a", F32, &[-1, 4])
        .input("b", F32, &[-1, 4])
        .node("Add", &["a", "b"], &["y"], vec![])
        .output("y", F32)
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    assert!(matches!(load(&[]), Err(ModelError::Malformed(_))));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for length in 1..2000_usize {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                state.to_be_bytes()[0]
            })
            .collect();
        assert!(load(&bytes).is_err(), "{length} bytes");
    }
}

#[test]
fn truncated_model_is_refused_at_every_length() {
    let small = add().bytes();
    for length in 0..small.len() {
        assert!(
            load(&small[..length]).is_err(),
            "{length} of {} bytes",
            small.len()
        );
    }
    let magika = example("magika.onnx");
    for parts in 1..40 {
        assert!(
            load(&magika[..magika.len() * parts / 40]).is_err(),
            "{parts} of 40 parts"
        );
    }
}

#[test]
fn changed_bytes_never_panic() {
    let small = add().bytes();
    for at in 0..small.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = small.clone();
            changed[at] = value;
            if let Ok(model) = load(&changed) {
                let dimensions = &[2, 4];
                let shape = |name| InputShape {
                    name,
                    dimensions,
                    element_type: ElementType::F32,
                };
                let _ = model.cost(&[shape("a"), shape("b")]);
            }
        }
    }
}

#[test]
fn operators_outside_the_table_are_refused_by_name_and_with_the_reason() {
    let subgraph = pb::AttributeProto {
        name: "then_branch".into(),
        r#type: 5,
        g: Some(add().graph),
        ..Default::default()
    };
    let with = |operator: &str, attributes| {
        Onnx::new()
            .input("x", F32, &[4])
            .node(operator, &["x"], &["y"], attributes)
            .output("y", F32)
            .load()
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        with("RandomNormalLike", vec![]),
        "operator RandomNormalLike of node `RandomNormalLike_0` is not supported: it draws random \
         numbers, which no two runs share"
    );
    assert!(with("NoSuchThing", vec![]).contains("NoSuchThing"));
    assert!(with("StringNormalizer", vec![]).contains("text"));
    assert!(with("SequenceLength", vec![]).contains("sequences"));
    // Not yet, and no longer, in version 17.
    assert!(with("Gelu", vec![]).contains("version 17"));
    assert!(with("Upsample", vec![]).contains("version 17"));
    // A graph is refused where no operator runs it.
    assert!(with("Relu", vec![subgraph]).contains("is a graph"));
    let mut foreign = add();
    foreign.graph.node[0].domain = "com.example".into();
    assert!(
        foreign
            .load()
            .unwrap_err()
            .to_string()
            .contains("com.example.Add")
    );
}

#[test]
fn graphs_that_break_rules_are_refused() {
    let cycle = Onnx::new()
        .input("x", F32, &[4])
        .node("Add", &["x", "b"], &["a"], vec![])
        .node("Relu", &["a"], &["b"], vec![])
        .output("b", F32);
    assert!(cycle.load().unwrap_err().to_string().contains("cycle"));
    let missing = Onnx::new()
        .input("x", F32, &[4])
        .node("Relu", &["x"], &["y"], vec![]);
    assert!(matches!(
        missing.clone().load(),
        Err(ModelError::PortCount {
            side: "outputs",
            ..
        })
    ));
    assert!(matches!(
        missing.output("z", F32).load(),
        Err(ModelError::InvalidValue { .. })
    ));
    let mut twice = add();
    twice.graph.node.push(twice.graph.node[0].clone());
    assert!(
        twice
            .load()
            .unwrap_err()
            .to_string()
            .contains("defined twice")
    );
    let mut old = add();
    old.opset = 6;
    assert!(matches!(old.load(), Err(ModelError::UnsupportedFeature(_))));
}

#[test]
fn a_size_of_minus_one_is_any_size_and_a_lower_one_is_refused() {
    let with = |size| {
        let mut model = pb::ModelProto::decode(&add().bytes()[..]).unwrap();
        for input in &mut model.graph.as_mut().unwrap().input {
            let declared = input.r#type.as_mut().unwrap().value.as_mut().unwrap();
            let pb::type_proto::Value::TensorType(tensor) = declared;
            tensor.shape.as_mut().unwrap().dim[0].value =
                Some(pb::tensor_shape_proto::dimension::Value::DimValue(size));
        }
        load(&model.encode_to_vec())
    };
    let shape = |name, rows| InputShape {
        name,
        dimensions: rows,
        element_type: ElementType::F32,
    };
    for rows in [&[1, 4], &[7, 4]] {
        let model = with(-1).unwrap();
        assert!(model.cost(&[shape("a", rows), shape("b", rows)]).is_ok());
    }
    assert!(with(-2).is_err());
}

#[test]
fn constants_must_carry_exactly_their_data() {
    let with = |change: &dyn Fn(&mut pb::TensorProto)| {
        let mut onnx = add().weights("w", &[2, 2]);
        change(&mut onnx.graph.initializer[0]);
        onnx.load().unwrap_err().to_string()
    };
    assert!(with(&|t| t.data_location = Some(1)).contains("outside the model"));
    assert!(with(&|t| t.dims = vec![i64::MAX, i64::MAX]).contains("overflow"));
    assert!(with(&|t| t.dims = vec![1 << 40]).contains("length"));
    assert!(with(&|t| t.dims = vec![-1, 2]).contains("negative"));
    assert!(with(&|t| t.raw_data = vec![0; 15]).contains("length"));
    assert!(with(&|t| t.data_type = 8).contains("type"));
    assert!(with(&|t| t.data_type = 999).contains("type"));
}

#[test]
fn limits_hold_at_their_exact_value() {
    let bytes = add().bytes();
    let size = u64::try_from(bytes.len()).unwrap();
    let limits = |bytes_max, nodes_max| ModelLimits {
        bytes_max,
        nodes_max,
        ..Default::default()
    };
    assert!(Model::load(&bytes, &limits(size, 1)).is_ok());
    assert!(matches!(
        Model::load(&bytes, &limits(size - 1, 1)),
        Err(ModelError::TooLarge { .. })
    ));
    assert!(matches!(
        Model::load(&bytes, &limits(size, 0)),
        Err(ModelError::TooManyNodes { .. })
    ));
    let fields = ModelLimits {
        fields_max: 3,
        ..Default::default()
    };
    assert!(matches!(
        Model::load(&bytes, &fields),
        Err(ModelError::TooManyFields { .. })
    ));
    for (name_bytes_max, fits) in [(1, true), (0, false)] {
        let limits = ModelLimits {
            name_bytes_max,
            ..Default::default()
        };
        match Model::load(&bytes, &limits) {
            Ok(_) => assert!(fits),
            Err(error) => assert_eq!(
                (fits, error.to_string().as_str()),
                (
                    false,
                    "one of the model's inputs has a name of more than 0 bytes"
                )
            ),
        }
    }
    // 16 output elements of 4 bytes are held by the call on two rows… at the limit, and not past it.
    for (working_bytes_max, fits) in [(32, true), (31, false)] {
        let limits = ModelLimits {
            working_bytes_max,
            ..Default::default()
        };
        let model = Model::load(&bytes, &limits).unwrap();
        let dimensions = &[2, 4];
        let shape = |name| InputShape {
            name,
            dimensions,
            element_type: ElementType::F32,
        };
        assert_eq!(model.cost(&[shape("a"), shape("b")]).is_ok(), fits);
    }
}

#[test]
fn empty_fields_cannot_grow_into_memory() {
    // A graph of nodes without content: 2 bytes each in the file, hundreds once parsed.
    let nodes = [0x0a, 0x00].repeat(2 << 20);
    let mut bytes = vec![0x3a];
    let mut length = nodes.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend(nodes);
    assert!(matches!(
        load(&bytes),
        Err(ModelError::TooManyFields { .. })
    ));
}

#[test]
fn calls_that_do_not_fit_the_model_are_refused() {
    let model = add().load().unwrap();
    let cost = |inputs: &[(&str, &[u32], ElementType)]| {
        let shapes: Vec<_> = inputs
            .iter()
            .map(|&(name, dimensions, element_type)| InputShape {
                name,
                dimensions,
                element_type,
            })
            .collect();
        model.cost(&shapes)
    };
    let f32 = ElementType::F32;
    assert!(cost(&[("b", &[2, 4], f32), ("a", &[2, 4], f32)]).is_ok());
    let error = |inputs: &[(&str, &[u32], ElementType)]| cost(inputs).unwrap_err();
    assert!(matches!(
        error(&[("a", &[2, 4], f32)]),
        ComputeError::MissingInput { .. }
    ));
    assert!(matches!(
        error(&[("c", &[2, 4], f32)]),
        ComputeError::UnknownInput { .. }
    ));
    let twice = error(&[("a", &[2, 4], f32), ("a", &[2, 4], f32)]);
    assert!(matches!(twice, ComputeError::DuplicateInput { .. }));
    let i64 = error(&[("a", &[2, 4], ElementType::I64), ("b", &[2, 4], f32)]);
    assert!(matches!(i64, ComputeError::WrongType { .. }));
    // Both first dimensions carry one name: their sizes must be one number.
    for wrong in [&[3, 4][..], &[2, 5], &[2], &[2, 4, 1], &[0, 4]] {
        let error = error(&[("a", &[2, 4], f32), ("b", wrong, f32)]);
        assert!(
            matches!(error, ComputeError::WrongShape { .. }),
            "{wrong:?}: {error}"
        );
    }
    let huge = error(&[("a", &[u32::MAX, 4], f32), ("b", &[u32::MAX, 4], f32)]);
    assert!(matches!(huge, ComputeError::TooLarge { .. }), "{huge}");
    // `compute` refuses for the same reasons.
    let tensor = Tensor::new(vec![2, 4], ElementType::I64, vec![0; 64]).unwrap();
    let result = model.compute(vec![("a".into(), tensor.clone()), ("b".into(), tensor)]);
    assert!(matches!(result, Err(ComputeError::WrongType { .. })));
}

#[test]
fn shape_that_depends_on_data_is_refused_at_its_node() {
    let onnx = Onnx::new()
        .input("x", F32, &[4])
        .input("shape", 7, &[2])
        .node("Reshape", &["x", "shape"], &["y"], vec![])
        .output("y", F32);
    let model = onnx.load().unwrap();
    let shape = |name, dimensions, element_type| InputShape {
        name,
        dimensions,
        element_type,
    };
    let error = model
        .cost(&[
            shape("x", &[4], ElementType::F32),
            shape("shape", &[2], ElementType::I64),
        ])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Reshape_0") && error.contains("depends on data"),
        "{error}"
    );
}

#[test]
fn values_that_a_model_blows_up_are_refused_before_anything_runs() {
    let onnx = Onnx::new()
        .input("x", F32, &[1])
        .integers("shape", &[1 << 20, 1 << 20])
        .node("Expand", &["x", "shape"], &["big"], vec![])
        .node("ReduceMax", &["big"], &["y"], vec![int("keepdims", 0)])
        .output("y", F32);
    let model = onnx.load().unwrap();
    let shape = InputShape {
        name: "x",
        dimensions: &[1],
        element_type: ElementType::F32,
    };
    assert!(matches!(
        model.cost(&[shape]),
        Err(ComputeError::TooLarge { .. })
    ));
    let window = Onnx::new()
        .input("x", F32, &[1, 1, 4])
        .node(
            "MaxPool",
            &["x"],
            &["y"],
            vec![ints("kernel_shape", &[i64::MAX])],
        )
        .output("y", F32);
    let shape = InputShape {
        name: "x",
        dimensions: &[1, 1, 4],
        element_type: ElementType::F32,
    };
    assert!(matches!(
        window.load().unwrap().cost(&[shape]),
        Err(ComputeError::Node { .. })
    ));
}

#[test]
fn counts_that_do_not_fit_64_bits_are_refused() {
    let onnx = Onnx::new()
        .input("x", F32, &[1])
        .integers("shape", &[1 << 40, 1 << 40])
        .node("Expand", &["x", "shape"], &["y"], vec![])
        .output("y", F32);
    let shape = InputShape {
        name: "x",
        dimensions: &[1],
        element_type: ElementType::F32,
    };
    let error = onnx.load().unwrap().cost(&[shape]).unwrap_err().to_string();
    assert!(
        error.contains("Expand_0") && error.contains("overflow"),
        "{error}"
    );
}

#[test]
fn a_dimension_of_minus_one_is_open_and_no_other_may_be_negative() {
    use tract_onnx::pb::tensor_shape_proto::dimension::Value;
    let with = |size: i64| {
        let mut onnx = add();
        for input in &mut onnx.graph.input {
            let Some(pb::type_proto::Value::TensorType(tensor)) =
                input.r#type.as_mut().unwrap().value.as_mut()
            else {
                panic!("the inputs are tensors");
            };
            tensor.shape.as_mut().unwrap().dim[0].value = Some(Value::DimValue(size));
        }
        onnx.load()
    };
    let model = with(-1).unwrap();
    let dimensions = &[2, 4];
    let shape = |name| InputShape {
        name,
        dimensions,
        element_type: ElementType::F32,
    };
    assert!(model.cost(&[shape("a"), shape("b")]).is_ok());
    for size in [-2, i64::MIN, i64::from(u32::MAX) + 1] {
        assert!(
            with(size)
                .unwrap_err()
                .to_string()
                .contains("negative or too large")
        );
    }
}
