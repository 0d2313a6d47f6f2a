//! Runs the model `model` on tensors that it is given, as often as its argument says (once). The input
//! `tensors/NAME` is the model's input NAME: a line with the type and each dimension, such as `f32 1 576`,
//! then the elements, little-endian. Leaves the last run's outputs of `f32` as `NAME.bin`.

use std::error::Error;

use meterbox_guest::Job;
use meterbox_guest::nn::{AnyTensor, Model, Tensor};

/// What the names of tensors begin with.
const PREFIX: &str = "tensors/";

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let runs: u64 = job
        .args()
        .first()
        .map_or(Ok(1), |argument| argument.parse())?;
    let mut tensors = Vec::new();
    for name in job.inputs() {
        if let Some(input) = name.strip_prefix(PREFIX) {
            let tensor = tensor(&job.input(&name)?.read_to_vec()?)?;
            tensors.push((input.to_string(), tensor));
        }
    }
    let inputs: Vec<(&str, &dyn AnyTensor)> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), &**tensor))
        .collect();
    let model = Model::by_name("model")?;
    for run in 1..=runs {
        let outputs = model.run(&inputs)?;
        if run == runs {
            let names: Vec<String> = outputs.names().map(String::from).collect();
            for name in names {
                let tensor = outputs.get::<f32>(&name)?;
                let bytes: Vec<u8> = tensor.data().iter().flat_map(|x| x.to_le_bytes()).collect();
                job.output(&format!("{name}.bin"))?.append(&bytes);
            }
        }
    }
    Ok(())
}

fn tensor(bytes: &[u8]) -> Result<Box<dyn AnyTensor>, Box<dyn Error>> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, rest) = bytes.split_at(end.ok_or("a tensor has no first line")?);
    let data = &rest[1..];
    let mut words = std::str::from_utf8(line)?.split(' ');
    let element_type = words.next().unwrap_or_default();
    let shape = words.map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    Ok(match element_type {
        "f32" => Box::new(Tensor::new(shape, elements(data, f32::from_le_bytes))?),
        "i32" => Box::new(Tensor::new(shape, elements(data, i32::from_le_bytes))?),
        "i64" => Box::new(Tensor::new(shape, elements(data, i64::from_le_bytes))?),
        "u8" => Box::new(Tensor::new(shape, data)?),
        other => return Err(format!("tensors of {other} are not read").into()),
    })
}

fn elements<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|chunk| element(*chunk)).collect()
}
