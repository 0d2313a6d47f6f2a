//! Owns looking for what this machine has to compute with, for people to read. Opens no engine, and
//! changes nothing.

use std::path::PathBuf;

use crate::bit_exact::{NotBitExact, check_bit_exact};
use crate::cuda::{self, Driver};
use crate::engine::{EngineKind, Libraries};

/// What was found of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEngine {
    /// Which.
    pub kind: EngineKind,
    /// Its version.
    pub version: Option<String>,
    /// The file of its library; none for what is built in.
    pub library: Option<PathBuf>,
    /// Why it does not compute on the processor; none when it does.
    pub not_on_processor: Option<String>,
    /// Why it does not compute on the machine's GPUs; none when it does.
    pub not_on_gpu: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// Each engine, in the order of [`EngineKind::ALL`].
    pub engines: Vec<FoundEngine>,
    /// What the NVIDIA driver says, or why it says nothing.
    pub driver: Result<Driver, String>,
    /// Whether a process that is started for it would be in the bit-exact class, as far as the machine
    /// decides.
    pub bit_exact: Result<(), NotBitExact>,
}

/// Looks. Loads libraries to ask them for their version, among them the driver's.
#[must_use]
pub fn look_around(libraries: &Libraries) -> Surroundings {
    let driver = cuda::driver();
    let no_gpu = match &driver {
        Ok(driver) if driver.gpus.is_empty() => Some("the NVIDIA driver sees no GPU".to_owned()),
        Ok(_) => None,
        Err(reason) => Some(reason.clone()),
    };
    Surroundings {
        engines: vec![
            FoundEngine {
                kind: EngineKind::Tract,
                version: Some(crate::tract::VERSION.to_owned()),
                library: None,
                not_on_processor: None,
                not_on_gpu: Some("it computes on the processor alone".to_owned()),
            },
            onnxruntime(libraries, no_gpu.as_ref()),
            FoundEngine {
                kind: EngineKind::TractCuda,
                version: cfg!(feature = "cuda").then(|| crate::tract::VERSION.to_owned()),
                library: None,
                not_on_processor: Some("it computes on GPUs alone".to_owned()),
                not_on_gpu: if cfg!(feature = "cuda") {
                    no_gpu
                } else {
                    Some("it is not in this build".to_owned())
                },
            },
        ],
        driver,
        bit_exact: match check_bit_exact() {
            // This process need not be in the class: its workers are, which are started for it.
            Err(NotBitExact::Environment { .. }) => Ok(()),
            other => other,
        },
    }
}

#[cfg(feature = "onnxruntime")]
fn onnxruntime(libraries: &Libraries, no_gpu: Option<&String>) -> FoundEngine {
    /// The library's part for NVIDIA's GPUs, which lies beside it.
    const GPU_PART: &str = "libonnxruntime_providers_cuda.so";
    match crate::onnxruntime::find(libraries.onnxruntime.as_deref()) {
        Ok(found) => {
            let has_part = found.path.with_file_name(GPU_PART).exists();
            FoundEngine {
                kind: EngineKind::OnnxRuntime,
                version: Some(found.version),
                not_on_processor: None,
                not_on_gpu: if has_part {
                    no_gpu.cloned()
                } else {
                    Some(format!("`{GPU_PART}` does not lie beside the library"))
                },
                library: Some(found.path),
            }
        }
        Err(error) => FoundEngine {
            kind: EngineKind::OnnxRuntime,
            version: None,
            library: None,
            not_on_processor: Some(error.to_string()),
            not_on_gpu: Some(error.to_string()),
        },
    }
}

#[cfg(not(feature = "onnxruntime"))]
fn onnxruntime(_libraries: &Libraries, _no_gpu: Option<&String>) -> FoundEngine {
    let why = Some("it is not in this build".to_owned());
    FoundEngine {
        kind: EngineKind::OnnxRuntime,
        version: None,
        library: None,
        not_on_processor: why.clone(),
        not_on_gpu: why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_is_listed_once_and_the_built_in_one_is_there() {
        let missing = Libraries {
            onnxruntime: Some("/nonexistent/libonnxruntime.so".into()),
            ..Libraries::default()
        };
        let found = look_around(&missing);
        let kinds: Vec<EngineKind> = found.engines.iter().map(|engine| engine.kind).collect();
        assert_eq!(kinds, EngineKind::ALL);
        assert_eq!(found.engines[0].not_on_processor, None);
        let why = found.engines[1].not_on_processor.as_deref();
        let says = "/nonexistent/libonnxruntime.so";
        assert!(
            why.is_some_and(|why| why.contains(says) || why.contains("build")),
            "{why:?}"
        );
    }
}
