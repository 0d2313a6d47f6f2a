//! Owns which backend computes and on what, and opening it. Knows no models' rules and no costs.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;

use tract_onnx::pb;

use crate::backend::{Backend, guarded};
use crate::tract::TractOpened;

/// Which library computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// `tract`, built in: this processor, one thread, no library of the system.
    Tract,
    /// ONNX Runtime, loaded when it is opened: this processor or an NVIDIA GPU.
    OnnxRuntime,
    /// `tract-cuda`: an NVIDIA GPU, with NVIDIA's libraries loaded when it is opened.
    TractCuda,
}

impl EngineKind {
    /// Every kind, in the order in which they are listed to users.
    pub const ALL: [Self; 3] = [Self::Tract, Self::OnnxRuntime, Self::TractCuda];

    /// The name used in settings, receipts and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tract => "tract",
            Self::OnnxRuntime => "onnxruntime",
            Self::TractCuda => "tract-cuda",
        }
    }

    /// The inverse of [`Self::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for EngineKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a model is computed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// This machine's processor.
    Processor,
    /// An NVIDIA GPU.
    Cuda {
        /// Which one, as the driver counts them.
        index: u32,
        /// Most bytes of its memory that the engine's allocator may hold for one model; none for all
        /// there are. The driver's own context, some hundred MiB, is not among them.
        memory_bytes_max: Option<u64>,
    },
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Processor => f.write_str("the processor"),
            Self::Cuda { index, .. } => write!(f, "CUDA device {index}"),
        }
    }
}

/// Where libraries lie that are loaded at run time. Nothing is ever downloaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Libraries {
    /// ONNX Runtime's library, or the folder with it; none to look in the system's usual folders.
    pub onnxruntime: Option<PathBuf>,
    /// Folders with NVIDIA's libraries, looked through in this order before the system's.
    pub cuda_folders: Vec<PathBuf>,
}

/// What to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// The library.
    pub kind: EngineKind,
    /// What it computes on.
    pub device: Device,
    /// Threads that one call may use. The bit-exact class has one.
    pub threads: NonZeroU16,
    /// Where its libraries are.
    pub libraries: Libraries,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            kind: EngineKind::Tract,
            device: Device::Processor,
            threads: NonZeroU16::MIN,
            libraries: Libraries::default(),
        }
    }
}

/// What was opened, for receipts and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// The library.
    pub kind: EngineKind,
    /// Its version.
    pub version: String,
    /// The file that it was loaded from; none for what is built in.
    pub library: Option<PathBuf>,
    /// What it computes on.
    pub device: Device,
    /// The GPU's name as its driver gives it; none on a processor.
    pub device_name: Option<String>,
    /// Threads that one call may use.
    pub threads: NonZeroU16,
}

/// Why an engine cannot be opened. The host is at fault, never a guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// This build of Meterbox leaves the engine out.
    #[error("{engine} is not in this build: Cargo's feature `{feature}` is off")]
    NotBuilt {
        /// The engine.
        engine: EngineKind,
        /// The feature to build with.
        feature: &'static str,
    },
    /// The engine does not compute on such a device.
    #[error("{engine} does not compute on {device}")]
    WrongDevice {
        /// The engine.
        engine: EngineKind,
        /// The device asked for.
        device: Device,
    },
    /// The engine cannot do what a setting asks for.
    #[error("{engine} {reason}")]
    WrongSetting {
        /// The engine.
        engine: EngineKind,
        /// What it cannot do.
        reason: &'static str,
    },
    /// No library was found.
    #[error("no library of {engine} was found in {}", folders(looked_in))]
    LibraryMissing {
        /// The engine.
        engine: EngineKind,
        /// The paths that were looked at.
        looked_in: Vec<PathBuf>,
    },
    /// The library is there but cannot be loaded.
    #[error("{} cannot be loaded: {reason}", path.display())]
    LibraryUnloadable {
        /// Its path.
        path: PathBuf,
        /// What the system's loader says.
        reason: String,
    },
    /// The library is of a version that this build was not tested with.
    #[error("{} is {engine} {version}, this build takes {accepted}", path.display())]
    LibraryVersion {
        /// The engine.
        engine: EngineKind,
        /// Its path.
        path: PathBuf,
        /// Its version.
        version: String,
        /// The versions that would do.
        accepted: &'static str,
    },
    /// A process holds one library of an engine, and another one was asked for.
    #[error("this process has loaded {}, it cannot also load {}", loaded.display(), path.display())]
    OtherLibraryLoaded {
        /// The path asked for.
        path: PathBuf,
        /// The path of what is loaded.
        loaded: PathBuf,
    },
    /// There is no such GPU, or it cannot be used. Nothing falls back to the processor.
    #[error("{device} cannot be used: {reason}")]
    DeviceMissing {
        /// The device asked for.
        device: Device,
        /// What is missing.
        reason: String,
    },
    /// The library failed while it was set up.
    #[error("{engine} failed while it was set up: {reason}")]
    Failed {
        /// The engine.
        engine: EngineKind,
        /// What it says.
        reason: String,
    },
}

fn folders(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(", ")
}

/// A checked model on its way into a backend.
pub(crate) struct Source<'a> {
    /// The parsed file. Backends read this and never the bytes, so that they see what was checked.
    pub(crate) model: &'a pb::ModelProto,
    /// Names of the inputs, in the order of every call.
    pub(crate) inputs: &'a [String],
    /// Names of the outputs, in the order of every call.
    pub(crate) outputs: &'a [String],
}

/// What an opened library offers.
pub(crate) trait Opened: Send + Sync {
    /// Takes a model that has passed all checks. Work that grows with more than the file waits for
    /// the first [`Backend::prepare`], when the call's size has been checked and paid for.
    fn load(&self, source: &Source<'_>) -> Result<Box<dyn Backend>, String>;

    /// Operators, attributes and versions that this library would compute otherwise than ONNX says.
    fn refusals(&self) -> &'static [crate::refusal::Refusal];

    /// Whether a call begins with a copy of its inputs, and reads them at no other time. What it has to see to, such as
    /// that truth values are 0 or 1, it sees to in the copy.
    fn copies_inputs(&self) -> bool;
}

/// A backend that is ready to take models. Cheap to copy and shared between threads.
#[derive(Clone)]
pub struct Engine {
    opened: Arc<dyn Opened>,
    facts: Arc<EngineFacts>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engine").field(&self.facts).finish()
    }
}

/// Variables by which libraries are told to keep what they see to themselves.
const SILENCED: [(&str, &str); 2] = [
    // Versions from 1.29 on report to their maker; it is the one name in releases, the other in some builds.
    ("ORT_DISABLE_TELEMETRY", "1"),
    ("ORT_TELEMETRY_DISABLED", "1"),
];

/// Tells libraries that are loaded from now on to report to nobody. To be called before any engine is opened: some
/// do so from the moment on at which they are set up.
///
/// # Safety
/// This process has one thread: variables of the environment are set.
pub unsafe fn silence_libraries() {
    for (name, value) in SILENCED {
        // SAFETY: there is no other thread that could read the environment.
        unsafe { std::env::set_var(name, value) };
    }
}

impl Engine {
    /// `tract` on this processor, which needs nothing of the system.
    #[must_use]
    pub fn embedded() -> Self {
        Self {
            opened: Arc::new(TractOpened),
            facts: Arc::new(crate::tract::facts()),
        }
    }

    /// Opens what the settings name, and nothing else: a library or device that is asked for and
    /// absent is an error.
    ///
    /// # Errors
    /// Each variant of [`EngineError`] says what is missing.
    pub fn open(settings: &EngineSettings) -> Result<Self, EngineError> {
        let failed = |reason: String| EngineError::Failed {
            engine: settings.kind,
            reason,
        };
        // A native library's binding may panic where its library misbehaves.
        guarded(|| Ok(Self::open_unguarded(settings)))
            .unwrap_or_else(|error| Err(failed(error.to_string())))
    }

    /// Does beforehand what [`Engine::open`] needs files for, where that starts no thread: a process may then fork
    /// others, which open the engine without any file.
    ///
    /// # Errors
    /// As [`Engine::open`], as far as it goes.
    pub fn preload(settings: &EngineSettings) -> Result<(), EngineError> {
        match (settings.kind, settings.device) {
            #[cfg(feature = "onnxruntime")]
            (EngineKind::OnnxRuntime, Device::Processor) => {
                crate::onnxruntime::preload(settings.libraries.onnxruntime.as_deref())
            }
            _ => Ok(()),
        }
    }

    fn open_unguarded(settings: &EngineSettings) -> Result<Self, EngineError> {
        match settings.kind {
            EngineKind::Tract => {
                crate::tract::check(settings)?;
                Ok(Self::embedded())
            }
            EngineKind::OnnxRuntime => Self::open_onnxruntime(settings),
            EngineKind::TractCuda => Self::open_tract_cuda(settings),
        }
    }

    #[cfg(feature = "onnxruntime")]
    fn open_onnxruntime(settings: &EngineSettings) -> Result<Self, EngineError> {
        let (opened, facts) = crate::onnxruntime::open(settings)?;
        Ok(Self {
            opened: Arc::new(opened),
            facts: Arc::new(facts),
        })
    }

    #[cfg(not(feature = "onnxruntime"))]
    fn open_onnxruntime(settings: &EngineSettings) -> Result<Self, EngineError> {
        Err(EngineError::NotBuilt {
            engine: settings.kind,
            feature: "onnxruntime",
        })
    }

    #[cfg(feature = "cuda")]
    fn open_tract_cuda(settings: &EngineSettings) -> Result<Self, EngineError> {
        let (opened, facts) = crate::tract_cuda::open(settings)?;
        Ok(Self {
            opened: Arc::new(opened),
            facts: Arc::new(facts),
        })
    }

    #[cfg(not(feature = "cuda"))]
    fn open_tract_cuda(settings: &EngineSettings) -> Result<Self, EngineError> {
        Err(EngineError::NotBuilt {
            engine: settings.kind,
            feature: "cuda",
        })
    }

    /// What was opened.
    #[must_use]
    pub fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    /// Whether [`Model::compute`](crate::Model::compute) begins with a copy of its inputs and reads them at no other
    /// time: they may then lie in memory that others write.
    #[must_use]
    pub fn copies_inputs(&self) -> bool {
        self.opened.copies_inputs()
    }

    pub(crate) fn opened(&self) -> &dyn Opened {
        self.opened.as_ref()
    }
}
