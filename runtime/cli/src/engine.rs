//! What computes with models: the flags for it, and what they come to. Computes nothing.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use meterbox_sandbox::{EngineDevice, EngineKind, EngineLibraries, EngineSettings};

use crate::exit::Exit;
use crate::failure::Failure;

/// Which library computes with models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineFlag {
    /// Built in: on the processor, the same to the bit on every machine of the bit-exact class
    Tract,
    /// ONNX Runtime, loaded from this machine: on the processor or a GPU
    Onnxruntime,
    /// tract on a GPU, in builds that have it
    TractCuda,
}

/// What computes with models.
#[derive(Debug, Args)]
#[command(next_help_heading = "Models")]
pub struct EngineArguments {
    /// Compute with models by this library; never visible in the bill
    #[arg(long, value_enum, default_value = "tract")]
    engine: EngineFlag,

    /// ONNX Runtime's library, or the folder with it [default: looked for in the system's folders]
    #[arg(long, value_name = "PATH", env = "METERBOX_ONNXRUNTIME")]
    onnxruntime: Option<PathBuf>,

    /// Compute on this NVIDIA GPU, by its number; without one the job is refused
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "0")]
    gpu: Option<u32>,

    /// Let a model take at most so many MiB of the GPU's memory
    #[arg(long, value_name = "MIB", requires = "gpu")]
    gpu_memory_max: Option<u64>,

    /// A folder with NVIDIA's libraries, looked through before the system's; repeatable
    #[arg(long, value_name = "DIR", requires = "gpu")]
    cuda_libraries: Vec<PathBuf>,

    /// Threads that one call on a model may use; more than one is for ONNX Runtime
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = threads)]
    model_threads: NonZeroU16,
}

fn threads(text: &str) -> Result<NonZeroU16, String> {
    let count = text.parse();
    count.map_err(|_| format!("give a number from 1 to {}", u16::MAX))
}

impl EngineArguments {
    /// Whether it is all as it is without any flag.
    pub fn is_built_in(&self) -> bool {
        self.engine == EngineFlag::Tract && self.gpu.is_none() && self.model_threads.get() == 1
    }

    /// The engine's settings.
    pub fn settings(&self) -> Result<EngineSettings, Failure> {
        let kind = match self.engine {
            EngineFlag::Tract if self.gpu.is_some() => {
                return Err(Failure::new(
                    Exit::Usage,
                    "tract, which is built in, computes on the processor only",
                )
                .hint("add --engine onnxruntime, or --engine tract-cuda in a build that has it"));
            }
            EngineFlag::Tract if self.model_threads.get() != 1 => {
                return Err(Failure::new(
                    Exit::Usage,
                    "tract, which is built in, computes on one thread",
                )
                .hint("add --engine onnxruntime, or leave --model-threads out"));
            }
            EngineFlag::Tract => EngineKind::Tract,
            EngineFlag::Onnxruntime => EngineKind::OnnxRuntime,
            EngineFlag::TractCuda => EngineKind::TractCuda,
        };
        let device = match self.gpu {
            None => EngineDevice::Processor,
            Some(index) => EngineDevice::Cuda {
                index,
                memory_bytes_max: self.gpu_memory_max.map(|mib| mib.saturating_mul(1 << 20)),
            },
        };
        let folder = std::env::current_dir();
        // Workers are somewhere else.
        let absolute = |path: &PathBuf| match &folder {
            Ok(folder) => folder.join(path),
            Err(_) => path.clone(),
        };
        Ok(EngineSettings {
            kind,
            device,
            threads: self.model_threads,
            libraries: EngineLibraries {
                onnxruntime: self.onnxruntime.as_ref().map(absolute),
                cuda_folders: self.cuda_libraries.iter().map(absolute).collect(),
            },
        })
    }
}
