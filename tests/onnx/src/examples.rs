//! Owns computing the examples' models on every engine and on several threads, and comparing: the cost,
//! which must be the same, and the outputs, which must be near. Knows no operators.

use std::fs;
use std::num::NonZeroU16;
use std::path::Path;

use anyhow::{Context as _, Result};
use meterbox_inference::{
    Cost, DeclaredDimension, ElementType, Engine, EngineKind, EngineSettings, InputShape, Model,
    ModelLimits, Port, Tensor,
};

use crate::compare::floats;

/// How far apart two engines' outputs may be, of numbers that are probabilities or of that size.
const DISTANCE_MAX: f64 = 1e-4;

/// The size given to dimensions that a model leaves open.
const OPEN_SIZE: u32 = 2;

/// What a model cost and gave on an engine.
struct Computed {
    title: String,
    kind: EngineKind,
    cost: Cost,
    outputs: Vec<(String, Tensor)>,
}

/// Whether all agree.
pub fn run(models: &Path, engines: &[EngineSettings]) -> Result<bool> {
    let mut is_sound = true;
    let mut files: Vec<_> = fs::read_dir(models)
        .with_context(|| models.display().to_string())?
        .collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        if file.path().extension().is_none_or(|part| part != "onnx") {
            continue;
        }
        let name = file.file_name().to_string_lossy().into_owned();
        let bytes = fs::read(file.path())?;
        let computed = on_all(&bytes, engines).with_context(|| name.clone())?;
        is_sound &= compare(&name, &computed);
    }
    Ok(is_sound)
}

fn on_all(bytes: &[u8], engines: &[EngineSettings]) -> Result<Vec<Computed>> {
    let mut all = Vec::new();
    for settings in engines {
        let threads: &[u16] = match settings.kind {
            EngineKind::OnnxRuntime => &[1, 2],
            EngineKind::Tract | EngineKind::TractCuda => &[1],
        };
        for &threads in threads {
            let threads = NonZeroU16::new(threads).context("a number of threads")?;
            let settings = EngineSettings {
                threads,
                ..settings.clone()
            };
            let engine = Engine::open(&settings)?;
            let model = Model::load_on(bytes, &ModelLimits::default(), &engine)?;
            let inputs: Vec<(String, Tensor)> = model
                .inputs()
                .iter()
                .map(|port| Ok((port.name.clone(), input(port)?)))
                .collect::<Result<_>>()?;
            let shapes: Vec<InputShape<'_>> = inputs
                .iter()
                .map(|(name, tensor)| InputShape {
                    name,
                    dimensions: tensor.dimensions(),
                    element_type: tensor.element_type(),
                })
                .collect();
            all.push(Computed {
                title: format!("{} on {threads} thread(s)", settings.kind),
                kind: settings.kind,
                cost: model.cost(&shapes)?,
                outputs: model.compute(inputs)?,
            });
        }
    }
    Ok(all)
}

/// Numbers that differ and repeat: no input of zeros, which every mistake maps to itself.
fn input(port: &Port) -> Result<Tensor> {
    let dimensions: Vec<u32> = port
        .dimensions
        .iter()
        .flatten()
        .map(|dimension| match dimension {
            DeclaredDimension::Fixed(size) => *size,
            DeclaredDimension::Named(_) | DeclaredDimension::Any => OPEN_SIZE,
        })
        .collect();
    let elements: u64 = dimensions.iter().copied().map(u64::from).product();
    let numbers = (0..elements).map(|index| u8::try_from(index * 37 % 101).unwrap_or(0));
    let data: Vec<u8> = match port.element_type {
        ElementType::F32 => numbers
            .flat_map(|number| ((f32::from(number) - 50.0) / 64.0).to_le_bytes())
            .collect(),
        ElementType::I32 => numbers
            .flat_map(|number| i32::from(number).to_le_bytes())
            .collect(),
        ElementType::I64 => numbers
            .flat_map(|number| i64::from(number).to_le_bytes())
            .collect(),
        other => anyhow::bail!("the examples have no inputs of {other}"),
    };
    Ok(Tensor::new(dimensions, port.element_type, data)?)
}

fn compare(name: &str, computed: &[Computed]) -> bool {
    let Some((first, others)) = computed.split_first() else {
        return true;
    };
    let mut is_sound = true;
    for (index, other) in others.iter().enumerate() {
        let is_cost_equal = first.cost == other.cost;
        let distance = distance(first, other);
        // Of one engine on more threads: the same bits or not is worth knowing, and not promised.
        let before = computed
            .get(index)
            .filter(|before| before.kind == other.kind);
        let bits = match before.map(|before| before.outputs == other.outputs) {
            Some(true) => ", bit for bit what fewer threads give",
            Some(false) => ", in other bits than fewer threads",
            None => "",
        };
        println!(
            "{name}: {} and {}: {}, outputs at most {distance:.2e} apart{bits}",
            first.title,
            other.title,
            if is_cost_equal {
                "the same cost"
            } else {
                "ANOTHER COST"
            },
        );
        is_sound &= is_cost_equal && distance <= DISTANCE_MAX;
    }
    is_sound
}

/// The largest difference of two elements; infinite when the outputs do not even have the same shapes.
fn distance(left: &Computed, right: &Computed) -> f64 {
    let mut largest = 0.0_f64;
    for ((left_name, left), (right_name, right)) in left.outputs.iter().zip(&right.outputs) {
        let is_alike = left_name == right_name
            && left.dimensions() == right.dimensions()
            && left.element_type() == right.element_type()
            && (left.element_type().is_float() || left.data() == right.data());
        if !is_alike {
            return f64::INFINITY;
        }
        for (left, right) in floats(left).into_iter().zip(floats(right)) {
            largest = largest.max((left - right).abs());
        }
    }
    if left.outputs.len() == right.outputs.len() {
        largest
    } else {
        f64::INFINITY
    }
}
