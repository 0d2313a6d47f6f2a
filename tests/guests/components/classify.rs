//! Runs the Magika model `model` on the two ends of the input `bytes.bin`, as often as its
//! argument says, and leaves the last run's scores in `scores.bin`, as little-endian `f32`.

use std::error::Error;

use meterbox_guest::Job;
use meterbox_guest::nn::{Model, Tensor};

/// How many tokens the model sees of each end.
const END_TOKENS: usize = 1024;
/// Where a file has no byte.
const PADDING: i32 = 256;
/// How many types the model knows.
const LABELS: u32 = 214;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let runs: u64 = job
        .args()
        .first()
        .map_or(Ok(1), |argument| argument.parse())?;
    let file = job.input("bytes.bin")?.read_to_vec()?;
    let len = file.len().min(END_TOKENS);
    let mut tokens = vec![PADDING; 2 * END_TOKENS];
    for (token, byte) in tokens.iter_mut().zip(&file[..len]) {
        *token = i32::from(*byte);
    }
    for (token, byte) in tokens
        .iter_mut()
        .rev()
        .zip(file[file.len() - len..].iter().rev())
    {
        *token = i32::from(*byte);
    }
    let tokens = Tensor::new([1, 2048], tokens)?;
    let model = Model::by_name("model")?;
    let mut scores = Vec::new();
    for _ in 0..runs {
        let outputs = model.run(&[("bytes", &tokens)])?;
        scores = outputs
            .get_shaped::<f32>("target_label", &[1, LABELS])?
            .into_data();
    }
    let bytes: Vec<u8> = scores.into_iter().flat_map(f32::to_le_bytes).collect();
    job.output("scores.bin")?.append(&bytes);
    Ok(())
}
