//! Owns reading a case from its folder, as `cases.py` writes it. Runs nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use meterbox_inference::{ElementType, Tensor};
use prost::Message as _;
use tract_onnx::pb;

/// A case of the node tests.
pub struct Case {
    pub model: Vec<u8>,
    /// How far apart elements may be: relative, and absolute.
    pub tolerance: (f64, f64),
    /// None when the case passes anything but tensors of types that can be passed.
    pub data: Option<Vec<Data>>,
}

/// One set of inputs with the outputs that ONNX defines for them, in the model's order.
pub struct Data {
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
}

/// Names of the cases, sorted.
pub fn list(folder: &Path, part: Option<&str>) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if part.is_none_or(|part| name.contains(part)) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Reads one.
pub fn read(folder: &Path) -> Result<Case> {
    let tolerance = fs::read_to_string(folder.join("tolerance"))?;
    let (relative, absolute) = tolerance.split_once(' ').context("two tolerances")?;
    let model = fs::read(folder.join("model.onnx"))?;
    let parsed = pb::ModelProto::decode(model.as_slice())?;
    let graph = parsed.graph.context("a graph")?;
    let mut data = (!folder.join("not-tensors").exists()).then(Vec::new);
    if let Some(data) = &mut data {
        for number in 0.. {
            let place = folder.join(number.to_string());
            if !place.exists() {
                break;
            }
            // An optional input that is left out has no name, and no data either.
            let inputs = graph.input.len();
            data.push(Data {
                inputs: tensors(&place, "input", inputs)?,
                outputs: tensors(&place, "output", graph.output.len())?,
            });
        }
    }
    Ok(Case {
        model,
        tolerance: (relative.parse()?, absolute.trim().parse()?),
        data,
    })
}

fn tensors(folder: &Path, side: &str, count: usize) -> Result<Vec<Tensor>> {
    let mut tensors = Vec::new();
    for index in 0..count {
        let bytes = fs::read(folder.join(format!("{side}_{index}.pb")))
            .with_context(|| format!("{side} {index} of {}", folder.display()))?;
        tensors.push(tensor(&pb::TensorProto::decode(bytes.as_slice())?)?);
    }
    Ok(tensors)
}

/// The tensor, whose data is raw; an error when its type cannot be passed.
fn tensor(proto: &pb::TensorProto) -> Result<Tensor> {
    let element_type = ElementType::from_onnx(proto.data_type)
        .with_context(|| format!("{UNPASSABLE} {}", proto.data_type))?;
    let dimensions = proto
        .dims
        .iter()
        .map(|&size| u32::try_from(size))
        .collect::<Result<Vec<_>, _>>()?;
    let bytes = Tensor::bytes_of(&dimensions, element_type)?;
    ensure!(
        bytes == u64::try_from(proto.raw_data.len())?,
        "the data is not raw"
    );
    Ok(Tensor::new(
        dimensions,
        element_type,
        proto.raw_data.clone(),
    )?)
}

/// How the error about a type that cannot be passed begins.
pub const UNPASSABLE: &str = "there is no element type of number";
