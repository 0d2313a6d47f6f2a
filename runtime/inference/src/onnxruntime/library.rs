//! Owns finding ONNX Runtime's library, refusing versions that were not tested, and loading it once
//! for the process. Downloads nothing and sets up no sessions.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;

use crate::engine::{EngineError, EngineKind};

/// Versions that no node test of ONNX came out wrong with: 1.27 and older compute `Attention` otherwise than
/// ONNX defines it, and newer ones have not been tried.
const VERSIONS: std::ops::RangeInclusive<u32> = 28..=32;

/// [`VERSIONS`] for people.
pub(crate) const ACCEPTED: &str = "1.28 to 1.32";

/// Where packages of distributions, and people who unpack an archive, put libraries.
const FOLDERS: &[&str] = &[
    "/usr/local/lib",
    "/usr/local/lib64",
    "/opt/onnxruntime/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
];

/// The library's name, which its version may follow.
const NAME: &str = "libonnxruntime.so";

/// Most bytes of a version that are believed: real ones have some ten.
const VERSION_BYTES_MAX: usize = 64;

/// A library whose version is one of those tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

struct Loaded {
    found: Found,
    environment: Environment,
}

/// ONNX Runtime keeps one environment a process, and `ort` one library.
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

/// What [`preload`] has found, by the setting that it was looked for with.
static PRELOADED: Mutex<Option<(Option<PathBuf>, Found)>> = Mutex::new(None);

/// Maps the library that [`find`] names into this process and those that are forked from it, which may not be
/// able to open files. It starts no thread, as setting up its environment does.
///
/// # Errors
/// Those of [`find`], and when it cannot be loaded.
pub(crate) fn preload(setting: Option<&Path>) -> Result<(), EngineError> {
    let found = find(setting)?;
    // Setting up is left to `load`: dropping what could be set up leaves the library where it is.
    ort::init_from(&found.path).map_err(|error| EngineError::Failed {
        engine: EngineKind::OnnxRuntime,
        reason: error.to_string(),
    })?;
    let setting = setting.map(Path::to_path_buf);
    *PRELOADED.lock().unwrap_or_else(PoisonError::into_inner) = Some((setting, found));
    Ok(())
}

/// What was found before for this setting, or is found now.
fn find_once(setting: Option<&Path>) -> Result<Found, EngineError> {
    let preloaded = PRELOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match preloaded.as_ref() {
        Some((known, found)) if known.as_deref() == setting => Ok(found.clone()),
        _ => find(setting),
    }
}

/// Loads the library that [`find`] names, or gives what is loaded already.
///
/// # Errors
/// Those of [`find`], and when the process has loaded another one before.
pub(crate) fn load(setting: Option<&Path>) -> Result<(Found, Environment), EngineError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let found = find_once(setting)?;
    if let Some(loaded) = loaded.as_ref() {
        if loaded.found.path != found.path {
            return Err(EngineError::OtherLibraryLoaded {
                path: found.path,
                loaded: loaded.found.path.clone(),
            });
        }
        return Ok((loaded.found.clone(), loaded.environment.clone()));
    }
    let failed = |reason: String| EngineError::Failed {
        engine: EngineKind::OnnxRuntime,
        reason,
    };
    let environment = ort::init_from(&found.path)
        .map_err(|error| failed(error.to_string()))?
        .with_name("meterbox")
        .with_telemetry(false)
        // The library would write to this process's stderr; what matters comes back as errors.
        .with_logger(Arc::new(|_, _, _, _, _| {}))
        .build()
        .map_err(|error| failed(error.to_string()))?;
    *loaded = Some(Loaded {
        found: found.clone(),
        environment: environment.clone(),
    });
    Ok((found, environment))
}

/// Finds the library: at the path that is set, where nothing else is tried, or in the usual folders,
/// the highest version first.
///
/// # Errors
/// When there is none, when it cannot be loaded, or when its version was not tested.
pub(crate) fn find(setting: Option<&Path>) -> Result<Found, EngineError> {
    let folders: Vec<PathBuf> = match setting {
        Some(path) if path.is_dir() => vec![path.to_path_buf()],
        Some(path) => return examine(path),
        None => FOLDERS.iter().map(PathBuf::from).collect(),
    };
    let mut first_fault = None;
    for folder in &folders {
        for path in candidates(folder) {
            match examine(&path) {
                Ok(found) => return Ok(found),
                Err(error) => {
                    first_fault.get_or_insert(error);
                }
            }
        }
    }
    Err(first_fault.unwrap_or(EngineError::LibraryMissing {
        engine: EngineKind::OnnxRuntime,
        looked_in: folders,
    }))
}

/// Files of the library's name in a folder, the highest version first; links to others are left out.
fn candidates(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let rest = name.to_str()?.strip_prefix(NAME)?;
            let numbers: Vec<u32> = rest
                .split('.')
                .skip(1)
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?;
            (rest.is_empty() || rest.starts_with('.'))
                .then(|| std::fs::canonicalize(entry.path()).ok())
                .flatten()
                .map(|path| (numbers, path))
        })
        .collect();
    found.sort_by(|left, right| right.cmp(left));
    let mut paths: Vec<PathBuf> = Vec::new();
    for (_, path) in found {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// Asks the file for its version, before anything else of it is used.
fn examine(path: &Path) -> Result<Found, EngineError> {
    let path = std::fs::canonicalize(path).map_err(|_| EngineError::LibraryMissing {
        engine: EngineKind::OnnxRuntime,
        looked_in: vec![path.to_path_buf()],
    })?;
    let unloadable = |reason: String| EngineError::LibraryUnloadable {
        path: path.clone(),
        reason,
    };
    let version = version(&path).map_err(unloadable)?;
    let mut numbers = version.split('.');
    let major = numbers.next();
    let minor = numbers.next().and_then(|minor| minor.parse().ok());
    if major != Some("1") || !minor.is_some_and(|minor: u32| VERSIONS.contains(&minor)) {
        return Err(EngineError::LibraryVersion {
            engine: EngineKind::OnnxRuntime,
            path,
            version,
            accepted: ACCEPTED,
        });
    }
    Ok(Found { path, version })
}

fn version(path: &Path) -> Result<String, String> {
    type Entry = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;
    // SAFETY: the operator named this file as a library to run in this process; its initialisers run.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| error.to_string())?;
    // SAFETY: ONNX Runtime's one entry point has had this signature since its first version.
    let entry: libloading::Symbol<'_, Entry> = unsafe { library.get(b"OrtGetApiBase\0") }
        .map_err(|_| "it is not ONNX Runtime: it has no `OrtGetApiBase`".to_owned())?;
    // SAFETY: the function takes nothing and gives a pointer to a constant of the library, or null.
    let base = unsafe { entry().as_ref() }.ok_or("`OrtGetApiBase` gives nothing")?;
    // SAFETY: the base's two functions have stood at the same places since the first version.
    let text = unsafe { (base.GetVersionString)() };
    if text.is_null() {
        return Err("it does not say its version".to_owned());
    }
    // SAFETY: the version is a constant of the library that ends with a zero.
    let text = unsafe { CStr::from_ptr(text) };
    match text.to_str() {
        Ok(text) if text.len() <= VERSION_BYTES_MAX => Ok(text.to_owned()),
        _ => Err("it does not say its version as text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_set_and_absent_is_an_error_whatever_the_system_has() {
        let path = Path::new("/nonexistent/libonnxruntime.so");
        assert_eq!(
            find(Some(path)),
            Err(EngineError::LibraryMissing {
                engine: EngineKind::OnnxRuntime,
                looked_in: vec![path.to_path_buf()],
            })
        );
    }

    #[test]
    fn a_file_that_is_no_library_is_refused_by_its_path() {
        let this = std::env::current_dir().unwrap().join("Cargo.toml");
        let error = find(Some(&this)).unwrap_err();
        assert!(
            matches!(&error, EngineError::LibraryUnloadable { path, .. } if path.ends_with("Cargo.toml")),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_the_library_is_said_to_be_empty() {
        let folder = std::env::current_dir().unwrap().join("src");
        assert_eq!(
            find(Some(&folder)),
            Err(EngineError::LibraryMissing {
                engine: EngineKind::OnnxRuntime,
                looked_in: vec![folder],
            })
        );
    }
}
