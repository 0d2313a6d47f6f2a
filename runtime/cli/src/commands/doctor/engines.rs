//! The part of `meterbox doctor` about what computes models: engines, GPUs, and the bit-exact class.

use meterbox_inference::{FoundEngine, Surroundings};
use serde_json::{Value, json};

/// Bytes of a GiB, in which memory is shown.
const GIB: u64 = 1 << 30;

/// Lines for people.
pub fn text(found: &Surroundings) -> String {
    let mut text = String::from("Models are computed by\n");
    for engine in &found.engines {
        let name = match &engine.version {
            Some(version) => format!("{} {version}", engine.kind),
            None => engine.kind.to_string(),
        };
        text += &format!(
            "  {name:24} processor: {}\n",
            standing(engine.not_on_processor.as_ref())
        );
        text += &format!(
            "  {:24} GPU: {}\n",
            "",
            standing(engine.not_on_gpu.as_ref())
        );
        if let Some(library) = &engine.library {
            text += &format!("  {:24} from {}\n", "", library.display());
        }
    }
    match &found.driver {
        Ok(driver) => {
            text += &format!(
                "The NVIDIA driver takes CUDA up to {}.\n",
                driver.cuda_version
            );
            for gpu in &driver.gpus {
                let gib = gpu.memory_bytes.div_euclid(GIB);
                text += &format!("  GPU {}: {}, {gib} GiB\n", gpu.index, gpu.name);
            }
        }
        Err(why) => text += &format!("There is no GPU: {why}.\n"),
    }
    text += &match &found.bit_exact {
        Ok(()) => {
            "Results of tract can be the same to the bit as on other such machines.\n".to_owned()
        }
        Err(why) => format!("Results may differ in bits from other machines: {why}.\n"),
    };
    text
}

fn standing(why_not: Option<&String>) -> String {
    match why_not {
        None => "available".to_owned(),
        Some(why) => format!("not available: {why}"),
    }
}

/// The same for programs.
pub fn json_of(found: &Surroundings) -> Value {
    let engines: Vec<Value> = found.engines.iter().map(engine).collect();
    let driver = match &found.driver {
        Ok(driver) => {
            let gpus: Vec<Value> = driver
                .gpus
                .iter()
                .map(|gpu| {
                    json!({ "index": gpu.index, "name": gpu.name, "memory_bytes": gpu.memory_bytes })
                })
                .collect();
            json!({ "cuda_version": driver.cuda_version, "gpus": gpus })
        }
        Err(why) => json!({ "missing": why }),
    };
    json!({
        "engines": engines,
        "nvidia_driver": driver,
        "bit_exact": found.bit_exact.is_ok(),
        "not_bit_exact": found.bit_exact.as_ref().err().map(ToString::to_string),
    })
}

fn engine(found: &FoundEngine) -> Value {
    json!({
        "engine": found.kind.name(),
        "version": found.version,
        "library": found.library.as_ref().map(|path| path.display().to_string()),
        "processor": found.not_on_processor.is_none(),
        "not_on_processor": found.not_on_processor,
        "gpu": found.not_on_gpu.is_none(),
        "not_on_gpu": found.not_on_gpu,
    })
}
