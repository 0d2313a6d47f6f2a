//! As the component `classify`, but a command with crate `wasi-nn`: runs the Magika model on the two ends of
//! the file `/in/bytes.bin`, as often as its first argument says (once), and leaves the last run's scores in
//! `/out/scores.bin`, as little-endian `f32`. Its model is the input `model`, which it names, or with the second
//! argument `bytes` reads and hands over.

use std::error::Error;
use std::{env, fs};

use wasi_nn::{ExecutionTarget, GraphBuilder, GraphEncoding, TensorType};

/// How many tokens the model sees of each end.
const END_TOKENS: usize = 1024;
/// Where a file has no byte.
const PADDING: i32 = 256;
/// How many types the model knows.
const LABELS: usize = 214;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let runs: u64 = arguments.first().map_or(Ok(1), |runs| runs.parse())?;
    let file = fs::read("/in/bytes.bin")?;
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
    let builder = GraphBuilder::new(GraphEncoding::Onnx, ExecutionTarget::CPU);
    let graph = match arguments.get(1).map(String::as_str) {
        Some("bytes") => builder.build_from_files(["/in/model"])?,
        _ => builder.build_from_cache("model")?,
    };
    let mut context = graph.init_execution_context()?;
    context.set_input(0, TensorType::I32, &[1, 2 * END_TOKENS], &tokens)?;
    let mut scores = vec![0f32; LABELS];
    for _ in 0..runs {
        context.compute()?;
        let bytes = context.get_output(0, &mut scores)?;
        if bytes != 4 * LABELS {
            return Err(format!("the model gave {bytes} bytes").into());
        }
    }
    let bytes: Vec<u8> = scores.into_iter().flat_map(f32::to_le_bytes).collect();
    fs::write("/out/scores.bin", bytes)?;
    Ok(())
}
