//! Owns which engines the tests compute on: tract, and ONNX Runtime where its library is.

use std::path::PathBuf;

use meterbox_inference::{Engine, EngineKind, EngineSettings, Libraries};

/// ONNX Runtime where the variable `METERBOX_ONNXRUNTIME` names it; says so where it does not.
pub fn onnxruntime() -> Option<Libraries> {
    let path = std::env::var_os("METERBOX_ONNXRUNTIME").map(PathBuf::from);
    if path.is_none() {
        eprintln!("skipped: METERBOX_ONNXRUNTIME names no library of ONNX Runtime");
    }
    Some(Libraries {
        onnxruntime: Some(path?),
        ..Libraries::default()
    })
}

/// That library, computing on the processor.
pub fn on_the_processor() -> Option<Engine> {
    let settings = EngineSettings {
        kind: EngineKind::OnnxRuntime,
        libraries: onnxruntime()?,
        ..EngineSettings::default()
    };
    Some(Engine::open(&settings).unwrap())
}

/// All engines that are here.
pub fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::embedded()];
    engines.extend(on_the_processor());
    engines
}
