//! Which engine computes with models: how its settings reach the process that opens it, and what that says of
//! it. Computes nothing.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::OnceLock;

use meterbox_inference::{
    BIT_EXACT_ENVIRONMENT, Device, Engine, EngineFacts, EngineKind, EngineSettings, Libraries,
    check_bit_exact,
};
use serde::{Deserialize, Serialize};

/// What an argument begins with that has the settings of an engine.
const ARGUMENT: &str = "inference";

/// Between the parts of that argument. No path of a sane system has it, and one that does is refused.
const SEPARATOR: char = '\n';

/// What has computed with a job's models, as receipts state it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceEngine {
    /// The library.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The GPU's name; none if a processor has computed.
    pub device: Option<String>,
    /// Threads that one call may use.
    pub threads: u16,
    /// Why its results may differ in bits from those of other machines; none if they do not.
    pub not_bit_exact: Option<String>,
}

impl InferenceEngine {
    /// Of an engine in this process.
    pub(crate) fn of(facts: &EngineFacts, class: &Result<(), String>) -> InferenceEngine {
        let not_bit_exact = match (facts.kind, class) {
            (EngineKind::Tract, Ok(())) => None,
            (EngineKind::Tract, Err(reason)) => Some(reason.clone()),
            (other, _) => Some(format!("{other} is not in the class")),
        };
        InferenceEngine {
            name: facts.kind.name().into(),
            version: facts.version.clone(),
            device: facts.device_name.clone(),
            threads: facts.threads.get(),
            not_bit_exact,
        }
    }

    /// Of the engine that is built in, in this process.
    pub(crate) fn embedded() -> InferenceEngine {
        let class = CLASS.get_or_init(|| check_bit_exact().map_err(|error| error.to_string()));
        InferenceEngine::of(Engine::embedded().facts(), class)
    }
}

/// Whether this process computes as all of the bit-exact class do, once somebody has looked.
static CLASS: OnceLock<Result<(), String>> = OnceLock::new();

/// Makes this process, and those that are forked from it, compute with models as all of the bit-exact class do:
/// what is computed by [`Sandbox::new`](crate::Sandbox::new) then is the same to the bit as what workers
/// compute.
///
/// # Errors
/// In words, if it cannot: the processor lacks an instruction set, for instance.
///
/// # Safety
/// This process has one thread, and has not computed with any model: variables of the environment are set for
/// a moment.
pub unsafe fn enter_bit_exact_class() -> Result<(), String> {
    CLASS.get_or_init(enter_class).clone()
}

fn enter_class() -> Result<(), String> {
    for (name, value) in BIT_EXACT_ENVIRONMENT {
        // SAFETY: there is no other thread that could read the environment.
        unsafe { std::env::set_var(name, value) };
    }
    // The kernels are chosen by the first computation, which this makes.
    let class = check_bit_exact().map_err(|error| error.to_string());
    for (name, _) in BIT_EXACT_ENVIRONMENT {
        // SAFETY: as above.
        unsafe { std::env::remove_var(name) };
    }
    class
}

/// The settings as an argument of a worker program; none if a path cannot be one.
pub(super) fn argument(settings: &EngineSettings) -> Option<String> {
    let device = match settings.device {
        Device::Processor => "processor".to_string(),
        Device::Cuda {
            index,
            memory_bytes_max,
        } => format!("cuda {index} {}", memory_bytes_max.unwrap_or(0)),
    };
    let library = match &settings.libraries.onnxruntime {
        Some(path) => path.to_str()?,
        None => "",
    };
    let mut parts = vec![
        ARGUMENT.to_string(),
        settings.kind.name().to_string(),
        device,
        settings.threads.to_string(),
        library.to_string(),
    ];
    for folder in &settings.libraries.cuda_folders {
        parts.push(folder.to_str()?.to_string());
    }
    let is_clean = parts.iter().all(|part| !part.contains(SEPARATOR));
    is_clean.then(|| parts.join(&SEPARATOR.to_string()))
}

/// The settings that an argument has, if it has any.
pub(super) fn settings_of(argument: &str) -> Option<EngineSettings> {
    let mut parts = argument.split(SEPARATOR);
    if parts.next() != Some(ARGUMENT) {
        return None;
    }
    let kind = EngineKind::from_name(parts.next()?)?;
    let mut words = parts.next()?.split(' ');
    let device = match words.next()? {
        "processor" => Device::Processor,
        "cuda" => {
            let index = words.next()?.parse().ok()?;
            let bytes: u64 = words.next()?.parse().ok()?;
            Device::Cuda {
                index,
                memory_bytes_max: (bytes > 0).then_some(bytes),
            }
        }
        _ => return None,
    };
    let threads = parts.next()?.parse::<NonZeroU16>().ok()?;
    let library = parts.next()?;
    Some(EngineSettings {
        kind,
        device,
        threads,
        libraries: Libraries {
            onnxruntime: (!library.is_empty()).then(|| PathBuf::from(library)),
            cuda_folders: parts.map(PathBuf::from).collect(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_reach_the_process_that_opens_the_engine() {
        for settings in [
            EngineSettings::default(),
            EngineSettings {
                kind: EngineKind::OnnxRuntime,
                device: Device::Cuda {
                    index: 3,
                    memory_bytes_max: Some(1 << 33),
                },
                threads: NonZeroU16::new(7).unwrap(),
                libraries: Libraries {
                    onnxruntime: Some("/opt/a b/libonnxruntime.so.1.30.0".into()),
                    cuda_folders: vec!["/one".into(), "/two: three".into()],
                },
            },
        ] {
            let argument = argument(&settings).unwrap();
            assert_eq!(settings_of(&argument), Some(settings));
        }
        assert_eq!(settings_of("speed"), None);
        let split = EngineSettings {
            libraries: Libraries {
                onnxruntime: Some("a\nb".into()),
                cuda_folders: Vec::new(),
            },
            ..EngineSettings::default()
        };
        assert_eq!(argument(&split), None);
    }
}
