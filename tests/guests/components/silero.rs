//! Runs the Silero speech detector `model` over the input `speech` (little-endian `f32` samples at
//! 16 kHz), or over a tone of its own if there is none. Leaves a line for each window in
//! `speech.txt`: how likely it is speech.

use std::error::Error;
use std::io::Write;

use meterbox_guest::Job;
use meterbox_guest::nn::{Model, Tensor};

/// The samples that are new in each window.
const WINDOW_SAMPLES: usize = 512;
/// The samples before them, which the model sees again.
const CONTEXT_SAMPLES: usize = 64;
/// The model's memory from window to window.
const STATE_SHAPE: [u32; 3] = [2, 1, 128];

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let samples = if job.inputs().iter().any(|name| name == "speech") {
        let bytes = job.input("speech")?.read_to_vec()?;
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|sample| f32::from_le_bytes(*sample))
            .collect()
    } else {
        tone()
    };
    let model = Model::by_name("model")?;
    let mut output = job.output("speech.txt")?;
    let mut state = Tensor::new(STATE_SHAPE, vec![0.0_f32; 256])?;
    let mut seen = vec![0.0_f32; CONTEXT_SAMPLES];
    for window in samples.chunks_exact(WINDOW_SAMPLES) {
        seen.extend_from_slice(window);
        let input = Tensor::new([1, 576], seen.clone())?;
        let outputs = model.run(&[("input", &input), ("state", &state)])?;
        let speech = outputs.get_shaped::<f32>("output", &[1, 1])?;
        state = outputs.get_shaped("stateN", &STATE_SHAPE)?;
        writeln!(output, "{:.6}", speech.data()[0])?;
        seen.drain(..WINDOW_SAMPLES);
    }
    Ok(())
}

/// A quarter of a second of a saw-tooth at 125 Hz, whose samples are exact in any arithmetic.
fn tone() -> Vec<f32> {
    (0..8 * WINDOW_SAMPLES)
        .map(|sample| (sample % 128) as f32 / 256.0 - 0.25)
        .collect()
}
