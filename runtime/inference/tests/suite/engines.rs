//! Checks opening engines from outside: what is asked for is given or refused, and nothing else.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use meterbox_inference::{
    ComputeError, Device, ElementType, Engine, EngineError, EngineKind, EngineSettings, Libraries,
    Model, ModelError, ModelLimits, Tensor,
};

use tract_onnx::pb;

use crate::at_hand::{engines, on_the_processor, onnxruntime};
use crate::build::{BINDING, ELEMENT, F32, NODE, Onnx, cost_f32, example, int, text, within};

const GPU: Device = Device::Cuda {
    index: 0,
    memory_bytes_max: None,
};

#[test]
fn built_in_engine_takes_no_gpu_and_no_threads() {
    let open = |device, threads| {
        Engine::open(&EngineSettings {
            device,
            threads: NonZeroU16::new(threads).unwrap(),
            ..EngineSettings::default()
        })
    };
    assert!(open(Device::Processor, 1).is_ok());
    assert!(matches!(
        open(GPU, 1),
        Err(EngineError::WrongDevice {
            engine: EngineKind::Tract,
            device: GPU
        })
    ));
    assert!(matches!(
        open(Device::Processor, 2),
        Err(EngineError::WrongSetting { .. })
    ));
}

#[test]
fn library_that_is_set_and_absent_is_an_error() {
    let opened = Engine::open(&EngineSettings {
        kind: EngineKind::OnnxRuntime,
        libraries: Libraries {
            onnxruntime: Some("/nonexistent/libonnxruntime.so".into()),
            ..Libraries::default()
        },
        ..EngineSettings::default()
    });
    assert!(
        matches!(
            opened,
            Err(EngineError::LibraryMissing { .. } | EngineError::NotBuilt { .. })
        ),
        "{opened:?}"
    );
}

#[test]
fn gpu_that_is_asked_for_and_absent_is_an_error() {
    if meterbox_inference::driver().is_ok_and(|driver| !driver.gpus.is_empty()) {
        eprintln!("skipped: this machine has a GPU");
        return;
    }
    let Some(libraries) = onnxruntime() else {
        return;
    };
    let opened = Engine::open(&EngineSettings {
        kind: EngineKind::OnnxRuntime,
        device: GPU,
        libraries,
        ..EngineSettings::default()
    });
    assert!(
        matches!(opened, Err(EngineError::DeviceMissing { device: GPU, .. })),
        "{opened:?}"
    );
}

#[test]
fn what_an_engine_would_compute_otherwise_is_refused_by_name() {
    let onnx = Onnx::new()
        .input("x", F32, &[6, 2, 3])
        .weights("w", &[1, 20, 3])
        .weights("r", &[1, 20, 5])
        .node(
            "LSTM",
            &["x", "w", "r"],
            &["y"],
            vec![text("direction", "reverse")],
        )
        .output("y", F32);
    let error = onnx.load().unwrap_err();
    assert!(
        matches!(
            &error,
            ModelError::RefusedByEngine { engine: EngineKind::Tract, operator, node, .. }
                if operator == "LSTM" && node == "y"
        ),
        "{error}"
    );
    let Some(engine) = on_the_processor() else {
        return;
    };
    assert!(Model::load_on(&onnx.bytes(), &ModelLimits::default(), &engine).is_ok());
}

#[test]
fn tract_refuses_products_that_sum_an_index_of_one_input_alone() {
    let load = |equation: &str| {
        let onnx = Onnx::new()
            .input("x", F32, &[4, 4])
            .input("z", F32, &[4, 4]);
        let einsum = vec![text("equation", equation)];
        let onnx = onnx.node("Einsum", &["x", "z"], &["y"], einsum);
        onnx.output("y", F32).load().map(drop)
    };
    // And those with an index twice in one input.
    for sums in [
        "ij,kj->k",
        "kj,ij->k",
        "ij,kl->il",
        "i j, k j -> k",
        "ii,ij->ij",
        "ij,jj->i",
    ] {
        let error = load(sums).unwrap_err();
        let is_einsum = matches!(
            &error,
            ModelError::RefusedByEngine { operator, .. } if operator == "Einsum"
        );
        assert!(is_einsum, "{sums}: {error}");
    }
    for is_product in ["ij,jk->ik", "ij,ij->ij", "ij,kj", "ij,ij->"] {
        assert_eq!(load(is_product), Ok(()), "{is_product}");
    }
}

#[test]
fn tract_refuses_celu_with_alpha_and_cubic_grids_at_borders() {
    let celu = |alpha: f32| {
        let alpha = pb::AttributeProto {
            name: "alpha".into(),
            r#type: 1,
            f: alpha,
            ..Default::default()
        };
        let onnx = Onnx::new().input("x", F32, &[2]);
        let onnx = onnx.node("Celu", &["x"], &["y"], vec![alpha]);
        onnx.output("y", F32).load().map(drop)
    };
    assert_eq!(celu(1.0), Ok(()));
    assert!(matches!(
        celu(2.0),
        Err(ModelError::RefusedByEngine { operator, .. }) if operator == "Celu"
    ));
    let grid = |mode: &str, padding: &str| {
        let attributes = vec![text("mode", mode), text("padding_mode", padding)];
        let onnx = Onnx::new()
            .input("x", F32, &[1, 1, 4, 4])
            .input("grid", F32, &[1, 2, 2, 2])
            .node("GridSample", &["x", "grid"], &["y"], attributes);
        onnx.opset(20).output("y", F32).load().map(drop)
    };
    assert_eq!(grid("cubic", "zeros"), Ok(()));
    assert!(matches!(
        grid("cubic", "border"),
        Err(ModelError::RefusedByEngine { operator, .. }) if operator == "GridSample"
    ));
}

#[test]
fn what_an_engine_cannot_prepare_is_told_from_what_fails() {
    // tract has no determinant.
    let one = Tensor::new(vec![1, 2, 2], ElementType::F32, vec![0; 16]).unwrap();
    let onnx = Onnx::new()
        .input("x", F32, &[1, 2, 2])
        .node("Det", &["x"], &["secret"], vec![])
        .output("secret", F32);
    let inputs = || vec![("x".to_owned(), one.clone())];
    let error = onnx.load().unwrap().compute(inputs()).unwrap_err();
    assert!(matches!(&error, ComputeError::Unable(_)), "{error:?}");
    // What the model names is not told to engines, and so not by them.
    assert!(!error.to_string().contains("secret"), "{error}");
    let Some(engine) = on_the_processor() else {
        return;
    };
    let model = Model::load_on(&onnx.bytes(), &ModelLimits::default(), &engine).unwrap();
    let outputs = model.compute(inputs()).unwrap();
    assert_eq!(outputs[0].0, "secret");
    assert_eq!(outputs[0].1.dimensions(), [1]);
}

#[test]
fn nobody_computes_for_nothing_what_a_branch_that_is_not_taken_says_of_constants() {
    let Some(engine) = on_the_processor() else {
        return;
    };
    // A hundred products of matrices that are constants: some 200 GFLOP each.
    let mut heavy = Onnx::new().integers("size", &[4_600, 4_600]).node(
        "ConstantOfShape",
        &["size"],
        &["power_0"],
        vec![],
    );
    for times in 0..100 {
        let (before, after) = (format!("power_{times}"), format!("power_{}", times + 1));
        heavy = heavy.node("MatMul", &[&before, "power_0"], &[&after], vec![]);
    }
    let heavy = heavy.output("power_100", F32);
    let light = Onnx::new()
        .node("Relu", &["x"], &["light"], vec![])
        .output("light", F32);
    let onnx = Onnx::new()
        .input("x", F32, &[-1])
        .integers("one", &[1])
        .node("Shape", &["x"], &["shape"], vec![])
        .node("Equal", &["shape", "one"], &["is_one"], vec![])
        .node(
            "If",
            &["is_one"],
            &["y"],
            vec![within("then_branch", heavy), within("else_branch", light)],
        )
        .output("y", F32);
    let model = Model::load_on(&onnx.bytes(), &ModelLimits::default(), &engine).unwrap();
    // The If, of whose branches one reads a name of others, with their 102 nodes; and the light branch, of 4 elements
    // each.
    let charged = cost_f32(&model, &[("x", &[4])]).operations.f32;
    assert_eq!(charged, (2 + 102) * NODE + 8 * ELEMENT + BINDING);
    let began = Instant::now();
    let input = Tensor::new(vec![4], ElementType::F32, vec![0; 16]).unwrap();
    let outputs = model.compute(vec![("x".to_owned(), input)]).unwrap();
    assert_eq!(outputs[0].1.data(), [0; 16]);
    // It would take this processor minutes.
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn models_outside_the_bit_exact_class_say_why() {
    let unary = |operator: &str| {
        Onnx::new()
            .input("x", F32, &[4])
            .node(operator, &["x"], &["y"], vec![])
            .output("y", F32)
            .load()
            .unwrap()
    };
    assert_eq!(unary("Tanh").not_bit_exact(), None);
    let why = unary("Cos").not_bit_exact().map(str::to_owned);
    assert!(why.is_some_and(|why| why.contains("Cos")));
    for file in ["magika.onnx", "silero-vad.onnx"] {
        let model = Model::load(&example(file), &ModelLimits::default()).unwrap();
        assert_eq!(model.not_bit_exact(), None, "{file}");
    }
}

#[test]
fn what_a_model_gave_outlives_it_and_further_calls() {
    // Computed, a copy of an input, the input itself, a constant of the model's.
    let names = ["computed", "copied", "x", "w"];
    let onnx = Onnx::new()
        .input("x", F32, &[-1])
        .weights("w", &[300])
        .node("Neg", &["x"], &["computed"], vec![])
        .node("Identity", &["x"], &["copied"], vec![]);
    let onnx = names
        .iter()
        .fold(onnx, |onnx, name| onnx.output(name, F32))
        .bytes();
    let input = |value: f32| {
        let data = value.to_le_bytes().repeat(300);
        Tensor::new(vec![300], ElementType::F32, data).unwrap()
    };
    for engine in engines() {
        let model = Model::load_on(&onnx, &ModelLimits::default(), &engine).unwrap();
        let given = [2.0, 3.0].map(|x| model.compute(vec![("x".into(), input(x))]).unwrap());
        drop(model);
        let weights: Vec<u8> = (0..300_u16)
            .flat_map(|n| (f32::from(n % 7) / 8.0).to_le_bytes())
            .collect();
        for (x, outputs) in [2.0, 3.0].into_iter().zip(given) {
            let [negative, same] = [-x, x].map(|x| input(x).into_data());
            let expected = [negative, same.clone(), same, weights.clone().into()];
            for (((name, tensor), wanted), expected) in outputs.iter().zip(names).zip(expected) {
                assert_eq!(name, wanted);
                assert_eq!(*tensor.bytes(), expected, "{name} of {engine:?}");
            }
        }
    }
}

#[test]
fn empty_tensors_pass_through_every_engine() {
    let onnx = Onnx::new()
        .input("x", F32, &[-1, 3])
        .node("Relu", &["x"], &["y"], vec![])
        .output("y", F32);
    let empty = Tensor::new(vec![0, 3], meterbox_inference::ElementType::F32, Vec::new()).unwrap();
    for engine in engines() {
        let model = Model::load_on(&onnx.bytes(), &ModelLimits::default(), &engine).unwrap();
        let outputs = model.compute(vec![("x".into(), empty.clone())]).unwrap();
        assert_eq!(outputs[0].1, empty, "{engine:?}");
    }
}

/// Numbers as f16, by their sign, their exponent and the first ten bits of their fraction.
fn halves(numbers: &[f32]) -> Vec<u8> {
    let half = |number: &f32| {
        let bits = number.to_bits();
        let (sign, exponent, fraction) = (bits >> 31, bits >> 23 & 0xff, bits >> 13 & 0x3ff);
        // The bias is 15 in place of 127, and five bits are left.
        let magnitude = match exponent.checked_sub(112) {
            Some(exponent @ 1..=30) => exponent << 10 | fraction,
            _ => 0,
        };
        u16::try_from(sign << 15 | magnitude).unwrap().to_le_bytes()
    };
    numbers.iter().flat_map(half).collect()
}

#[test]
fn convolutions_of_f16_are_right_within_graphs_of_nodes_too() {
    const F16: i32 = 10;
    let kernel = || {
        let mut onnx = Onnx::new().zeros("k", F16, &[1, 1, 2, 2], 8);
        onnx.graph.initializer[0].raw_data = halves(&[1.0, 2.0, 3.0, 4.0]);
        onnx
    };
    let alone = kernel()
        .input("x", F16, &[1, 1, 3, 3])
        .node("Conv", &["x", "k"], &["y"], vec![])
        .output("y", F16);
    let spread = kernel()
        .input("x", F16, &[1, 1, 3, 3])
        .node("ConvTranspose", &["x", "k"], &["y"], vec![])
        .output("y", F16);
    let body = kernel()
        .input("s", F16, &[1])
        .input("e", F16, &[1, 1, 3, 3])
        .node("Conv", &["e", "k"], &["f"], vec![])
        .node("Relu", &["s"], &["t"], vec![])
        .output("t", F16)
        .output("f", F16);
    let repeated = Onnx::new()
        .input("x", F16, &[2, 1, 1, 3, 3])
        .input("start", F16, &[1])
        .node(
            "Scan",
            &["start", "x"],
            &["last", "y"],
            vec![within("body", body), int("num_scan_inputs", 1)],
        )
        .output("y", F16);
    let branch = || {
        kernel()
            .node("Conv", &["x", "k"], &["f"], vec![])
            .output("f", F16)
    };
    let branched = Onnx::new()
        .input("x", F16, &[1, 1, 3, 3])
        .input("test", 9, &[1])
        .node(
            "If",
            &["test"],
            &["y"],
            vec![
                within("then_branch", branch()),
                within("else_branch", branch()),
            ],
        )
        .output("y", F16);
    // 1 to 9: each window of four, once forwards, once spread.
    let image: Vec<f32> = (1_u8..=9).map(f32::from).collect();
    let convolved = [37.0, 47.0, 67.0, 77.0];
    let summed = [
        1.0, 4.0, 7.0, 6.0, 7.0, 23.0, 33.0, 24.0, 19.0, 53.0, 63.0, 42.0, 21.0, 52.0, 59.0, 36.0,
    ];
    for engine in engines() {
        for (model, sizes, expected) in [
            (&alone, &[1, 1, 3, 3][..], convolved.to_vec()),
            (&spread, &[1, 1, 3, 3], summed.to_vec()),
            (&repeated, &[2, 1, 1, 3, 3], convolved.repeat(2)),
            (&branched, &[1, 1, 3, 3], convolved.to_vec()),
        ] {
            let model = Model::load_on(&model.bytes(), &ModelLimits::default(), &engine).unwrap();
            let count: u32 = sizes.iter().product();
            let data = halves(&image.repeat(count as usize / 9));
            let x = Tensor::new(sizes.to_vec(), ElementType::F16, data).unwrap();
            let mut inputs = vec![("x".to_owned(), x)];
            for port in model.inputs().iter().filter(|port| port.name != "x") {
                let element_type = port.element_type;
                let bytes = element_type.bytes_of(1).unwrap().try_into().unwrap();
                let other = Tensor::new(vec![1], element_type, vec![0; bytes]).unwrap();
                inputs.push((port.name.clone(), other));
            }
            let outputs = model.compute(inputs).unwrap();
            assert_eq!(outputs[0].1.data(), halves(&expected), "{engine:?}");
        }
    }
}
