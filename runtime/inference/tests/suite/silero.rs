//! Checks the cost and a run of a second real model, unlike the first: speech detection with a
//! short-time Fourier transform as convolution, an LSTM, and its weights in `Constant` nodes.

use meterbox_inference::{ElementType, Model, ModelLimits, Tensor};

use crate::build::{ELEMENT, GROUP, LAYOUT, NODE, ROW, STEP, VIEW, cost_f32, example};

#[test]
fn silero_costs_what_its_layers_add_up_to() {
    let model = Model::load(&example("silero-vad.onnx"), &ModelLimits::default()).unwrap();
    let cost = cost_f32(&model, &[("input", &[1, 576]), ("state", &[2, 1, 128])]);
    // What is written twice.
    let twice = 2 * ELEMENT;
    // 576 samples, 64 reflected: 640. Windows of 256 every 128: 4 frames of 258 numbers.
    let fourier = 258 * 4 * (256 + ELEMENT) + GROUP + 640 * LAYOUT;
    // Four convolutions of 3 steps; the second and third halve the 4 frames to 2 and 1. Each output element
    // is written by its convolution and by the activation, each input element is read, and of their windows of 3 two,
    // one, one and one reach into padding.
    let encoder = 128 * 4 * (129 * 3 + twice)
        + 64 * 2 * (128 * 3 + twice)
        + 64 * (64 * 3 + twice)
        + 128 * (64 * 3 + twice)
        + 4 * GROUP
        + (129 * 4 + 128 * 4 + 64 * 2 + 64) * LAYOUT
        + (2 + 1 + 1 + 1) * 3 * ELEMENT;
    // 1 step: 4 gates × 128 cells, each over 128 inputs and 128 states, and 64 for the gate itself. The
    // weights in their new order are read, with 128 inputs and two states.
    let lstm = 4 * 128 * (128 + 128 + 64) + STEP + (2 * 512 * 128 + 1024 + 3 * 128) * LAYOUT;
    let head = 128 + ELEMENT + GROUP + 128 * LAYOUT + 32; // 1 × 128 × 1, sigmoid 32
    let magnitudes = 640 * (ELEMENT + VIEW) // padding, which becomes a channel
        + 258 * 4 * 32 // all frames
        // Real and imaginary parts: two slices and a cast of 32 each, a power of 64 each, sum, root.
        + 129 * 4 * (6 * 32 + 2 * 64 + 2 * 16);
    // Gates are put into another order at each call: every weight is sliced at 32, joined and given a dimension.
    let reordering = (2 * 512 * 128) * (32 + ELEMENT + VIEW)
        + (2 * 512) * (32 + ELEMENT)
        + 1024 * (ELEMENT + VIEW);
    // Gathered, joined, cast at 32, relu, a mean over one element.
    let state = 2 * 128 * 16 + 2 * 128 * 16 + 128 * 32 + 128 * 16 + (16 + ROW);
    // What the encoder gives, three inputs and two outputs of the LSTM, three more of the head and the states.
    let views = (9 * 128 + 2) * VIEW;
    assert_eq!(
        cost.operations.f32,
        fourier + encoder + lstm + head + magnitudes + reordering + state + views + 62 * NODE
    );
    // The padding's bounds are computed: 2 made, then 4 joined, sliced, transposed, cast, and seen anew twice; 7
    // nodes.
    let bounds = (2 + 4) * 16 + (4 + 4 + 4) * 32 + 2 * 4 * VIEW;
    assert_eq!(cost.operations.f64, bounds + 7 * NODE);
    assert_eq!(
        (cost.operations.f16, cost.operations.i8, cost.operations.i4),
        (0, 0, 0)
    );
    assert_eq!(cost.tensor_bytes, 4 * (576 + 2 * 128 + 1 + 2 * 128));
}

#[test]
fn silence_is_not_speech() {
    let model = Model::load(&example("silero-vad.onnx"), &ModelLimits::default()).unwrap();
    let zeros = |dimensions: Vec<u32>, bytes| {
        Tensor::new(dimensions, ElementType::F32, vec![0; bytes]).unwrap()
    };
    let started = std::time::Instant::now();
    let again = model.compute(vec![
        ("state".into(), zeros(vec![2, 1, 128], 1024)),
        ("input".into(), zeros(vec![1, 576], 2304)),
    ]);
    let first = started.elapsed();
    let started = std::time::Instant::now();
    let outputs = model
        .compute(vec![
            ("state".into(), zeros(vec![2, 1, 128], 1024)),
            ("input".into(), zeros(vec![1, 576], 2304)),
        ])
        .unwrap();
    println!("first call {first:?}, second {:?}", started.elapsed());
    assert_eq!(again.unwrap(), outputs, "two runs gave different bytes");
    let names: Vec<_> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["output", "stateN"]);
    let probability = f32::from_le_bytes(outputs[0].1.data().try_into().unwrap());
    assert!((0.0..0.2).contains(&probability), "{probability}");
}
