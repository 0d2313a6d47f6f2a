//! Checks the cost and the answers of a real model: file-type recognition, `bytes` i32[N, 2048] →
//! `target_label` f32[N, 214].

use std::time::Instant;

use meterbox_inference::{Cost, ElementType, InputShape, Model, ModelLimits, Operations, Tensor};

use crate::build::{ELEMENT, GROUP, LAYOUT, NODE, PRODUCT, ROW, VIEW, example};

fn model() -> Model {
    Model::load(&example("magika.onnx"), &ModelLimits::default()).unwrap()
}

fn cost(model: &Model, batch: u32) -> Cost {
    let dimensions = &[batch, 2048];
    model
        .cost(&[InputShape {
            name: "bytes",
            dimensions,
            element_type: ElementType::I32,
        }])
        .unwrap()
}

/// The expected cost of `n` files, layer by layer, from the layers' sizes.
fn by_hand(n: u64) -> Cost {
    // One-hot of 257 symbols × 2048 bytes, times a 257 × 64 embedding.
    let one_hot = n * 2048 * 257;
    let embedded = n * 2048 * 64;
    let embedding = one_hot * (64 + LAYOUT) + embedded * ELEMENT + n * PRODUCT;
    // The embedding seen as 512 steps × 256 channels, transposed; 512 filters over 5 steps: 508 positions.
    let convolved = n * 512 * 508;
    let convolution = convolved * (256 * 5 + ELEMENT) + n * GROUP + n * 512 * 256 * LAYOUT;
    let dense = n * (512 * 214 + 512 * LAYOUT + 214 * ELEMENT) + PRODUCT;
    // Bias, then GELU by tanh: 9 additions and products of 16 and one tanh of 32, each on all elements.
    let bias_and_gelu = 9 * 16 + 32;
    let elementwise = n * 2048 * (16 + VIEW) // bytes are expanded,
        + one_hot * (16 + 32) // compared with each symbol and cast
        + embedded * bias_and_gelu
        // Normalisation: 2 sums, square, scale × inverse, −mean, ×, +; then slice and transpose, and two views.
        + embedded * (7 * 16 + 2 * 32 + 2 * VIEW)
        // On one number for each of 256 channels, which two sums are rows of: 4 products and differences, max
        // of 2, root, reciprocal, 2 expansions, 1 addition, 2 views.
        + n * 256 * (2 * ROW + (4 + 2 + 1 + 1 + 2 + 1) * 16 + 2 * VIEW)
        // Slice, view, activation, maximum over the positions, whose result is seen anew.
        + convolved * (32 + VIEW + bias_and_gelu + 16)
        + n * 512 * (ROW + VIEW)
        // The second normalisation, over 512 channels: 2 sums, −mean, square, 2 products, 1 addition,
        + n * 512 * 7 * 16
        // and on one number for each file what the first did on 256.
        + n * (2 * ROW + (4 + 2 + 1 + 1 + 2 + 1) * 16 + 2 * VIEW)
        // Softmax written out: bias, maximum, difference, exponential 32, sum, division 32,
        + n * 214 * (4 * 16 + 2 * 32)
        // and on one number for each file: two rows, maximum with −inf, 2 expansions, 2 views.
        + n * (2 * ROW + 4 * 16 + 2 * VIEW);
    // Arithmetic on shapes: i32 is cast and sliced at 32, joined; of i64 there are 2 sizes, and what is cast.
    let shapes_i32 = (2 + 1) * 32 + (3 + 3 + 2 + 3) * 16;
    let shapes_i64 = 2 * VIEW + (3 + 3 + 2 + 3) * 32;
    // Input to embedding 20 nodes (a GELU with its bias is 10 of them), to 512 steps 3, normalisation
    // 23, convolution 6, GELU 10, maximum 2, normalisation 19, the rest 12.
    let (nodes, nodes_i64) = (20 + 3 + 23 + 6 + 10 + 2 + 19 + 12, 5);
    let operations = Operations {
        f32: embedding
            + convolution
            + dense
            + elementwise
            + shapes_i32
            + (nodes - nodes_i64) * NODE,
        f64: shapes_i64 + nodes_i64 * NODE,
        ..Operations::default()
    };
    let layers = 4 * (257 * 64 + 64 + 2 * 512 + 512 * 256 * 5 + 512 + 2 * 512 + 512 * 214 + 214);
    let symbols = 4 * 257;
    // f32 scalars: 4 in each GELU (one of them 1 × 1 × 1), 4 in each normalisation, −inf.
    let scalars = 4 * (4 + 4 + 4 + 4 + 1);
    // i64: a shape of 3, 3 bounds of 1, 5 axes of reductions, 3 axes of dimensions, 3 bounds of 4.
    let integers = 8 * (3 + 3 + 5 + 3 + 12);
    // i32: 4 bounds of 4, and 7 numbers joined into shapes.
    let small_integers = 4 * (16 + 7);
    Cost {
        operations,
        weight_bytes: layers + symbols + scalars + integers + small_integers,
        tensor_bytes: n * (2048 * 4 + 214 * 4),
    }
}

#[test]
fn magika_costs_what_its_layers_add_up_to() {
    let model = model();
    assert_eq!(model.nodes(), 95);
    // The multiply-accumulates alone: 33.7 M + 332.9 M + 0.1 M a file.
    assert_eq!(
        2048 * 257 * 64 + 512 * 508 * 256 * 5 + 512 * 214,
        366_717_952
    );
    for batch in [1, 2, 12] {
        assert_eq!(
            cost(&model, batch),
            by_hand(batch.into()),
            "batch of {batch}"
        );
    }
}

#[test]
fn cost_grows_by_the_same_amount_with_each_file() {
    let model = model();
    let f32_of = |batch| cost(&model, batch).operations.f32;
    let step = f32_of(2) - f32_of(1);
    for batch in [3, 7, 12] {
        assert_eq!(f32_of(batch) - f32_of(1), u64::from(batch - 1) * step);
    }
    assert_eq!(
        cost(&model, 1).operations.f64,
        cost(&model, 12).operations.f64
    );
    assert_eq!(cost(&model, 1).weight_bytes, cost(&model, 12).weight_bytes);
}

/// The model's view of a file: its first and its last 1024 bytes without white space around them,
/// padded with 256.
fn features(file: &[u8]) -> Vec<i32> {
    let beginning = file.trim_ascii_start();
    let end = file.trim_ascii_end();
    let mut features = vec![256; 2048];
    for (slot, &byte) in features[..1024].iter_mut().zip(beginning) {
        *slot = i32::from(byte);
    }
    for (slot, &byte) in features[1024..].iter_mut().rev().zip(end.iter().rev()) {
        *slot = i32::from(byte);
    }
    features
}

fn compute(model: &Model, files: &[&[u8]]) -> Tensor {
    let data: Vec<u8> = files
        .iter()
        .flat_map(|f| features(f))
        .flat_map(i32::to_le_bytes)
        .collect();
    let rows = u32::try_from(files.len()).unwrap();
    let input = Tensor::new(vec![rows, 2048], ElementType::I32, data).unwrap();
    let mut outputs = model.compute(vec![("bytes".into(), input)]).unwrap();
    assert_eq!(outputs.len(), 1);
    let (name, output) = outputs.remove(0);
    assert_eq!(name, "target_label");
    assert_eq!(output.dimensions(), [rows, 214]);
    output
}

fn best_labels(output: &Tensor) -> Vec<String> {
    let config: serde_json::Value = serde_json::from_slice(&example("magika.config.json")).unwrap();
    let labels = config["target_labels_space"].as_array().unwrap();
    let scores: Vec<f32> = output
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    scores
        .chunks_exact(labels.len())
        .map(|row| {
            let best = (0..row.len())
                .max_by(|&a, &b| row[a].total_cmp(&row[b]))
                .unwrap();
            labels[best].as_str().unwrap().to_owned()
        })
        .collect()
}

const PYTHON: &[u8] = b"#!/usr/bin/env python3\nimport sys\n\n\ndef main(argv):\n    total = 0\n    \
    for name in argv[1:]:\n        with open(name, 'rb') as file:\n            total += len(file.read())\n    \
    print(f'{total} bytes')\n    return 0\n\n\nif __name__ == '__main__':\n    sys.exit(main(sys.argv))\n";

#[test]
fn magika_recognises_text_alike_alone_and_in_a_batch() {
    let model = model();
    let rust = include_bytes!("magika.rs");
    let alone = compute(&model, &[PYTHON]);
    assert_eq!(best_labels(&alone), ["python"]);
    assert_eq!(
        alone,
        compute(&model, &[PYTHON]),
        "two runs gave different bytes"
    );
    let both = compute(&model, &[rust, PYTHON]);
    assert_eq!(best_labels(&both), ["rust", "python"]);
}

#[test]
fn compute_times_are_shown() {
    let started = Instant::now();
    let model = model();
    let loaded = started.elapsed();
    let started = Instant::now();
    compute(&model, &[PYTHON]);
    let first = started.elapsed();
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let started = Instant::now();
            compute(&model, &[PYTHON]);
            started.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "load {loaded:?}, first call {first:?}, then p50 {:?}, p95 {:?}; preparation {} operations",
        times[10],
        times[18],
        model.preparation_units()
    );
    assert!(times[0] <= first, "the plan was not kept");
}
