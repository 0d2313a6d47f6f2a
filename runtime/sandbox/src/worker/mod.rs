//! Compiling and running in processes that can do nothing else. The parent's side is the pool; what the
//! workers do is in the file of their role; what passes between them is in `wire`.

mod affinity;
mod attempt;
mod cache;
mod compiler;
mod copies;
mod engine;
mod flag;
mod inference;
mod pool;
mod recorder;
mod relay;
mod runner;
mod shelf;
mod wire;
mod witness;
mod zygotes;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use self::cache::Artefact;
pub use self::engine::{InferenceEngine, enter_bit_exact_class};
pub(crate) use self::flag::Flag;
pub(crate) use self::pool::Pool;
use meterbox_isolation::{Layer, Report, Role, Roles, Verification, ZygoteError, serve};

use crate::engine::{Allocation, InProcess, OptLevel};
use meterbox_inference::{Engine, EngineSettings};

/// How workers are started, and what they may use. All of it is the provider's to decide.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// The program whose `main` calls [`serve_as_worker`].
    pub program: PathBuf,
    /// Its arguments before the name of the compiler's level, which comes last.
    pub arguments: Vec<String>,
    /// A folder, for this user alone, where compiled programs are kept. Without one they are kept until
    /// they are dropped.
    pub cache: Option<PathBuf>,
    /// A folder for what runs write beyond what memory holds; the system's temporary one if there is none.
    pub scratch: Option<PathBuf>,
    /// Runners that wait for the next job. More are started when more run at once, and end afterwards.
    pub idle_max: usize,
    /// How long one program may take to compile.
    pub compile_time_max: Duration,
    /// How much memory compiling one program may take.
    pub compile_bytes_max: u64,
    /// Bytes of models, as files, that are kept for later jobs, for each owner. Loaded, a model takes some
    /// times its bytes.
    pub model_bytes_max: u64,
    /// Which engine computes with models, and on what.
    pub engine: EngineSettings,
    /// How long one inference may take, by the clock on the wall. Beyond, its process is ended, and the job
    /// is a fault, which nobody pays.
    pub inference_time_max: Duration,
    /// How long one run may take, by the clock on the wall. Beyond, it is stopped by the provider.
    pub wall_time_max: Option<Duration>,
    /// How long a run that is to stop may go on to its next call of the host, before it is killed.
    pub grace: Duration,
}

impl WorkerSettings {
    /// Settings with each bound at its default, for this program.
    #[must_use]
    pub fn new(program: PathBuf) -> WorkerSettings {
        WorkerSettings {
            program,
            arguments: Vec::new(),
            cache: None,
            scratch: None,
            // As many as cores that most machines have: idle ones take memory.
            idle_max: 8,
            // A hundred times what a whole language runtime takes.
            compile_time_max: Duration::from_secs(120),
            // Twice what the largest program that admission lets through was seen to take.
            compile_bytes_max: 8 << 30,
            // Twice the largest model that is taken.
            model_bytes_max: 1 << 30,
            engine: EngineSettings::default(),
            // What a large model takes on a slow machine, a hundred times over.
            inference_time_max: Duration::from_secs(600),
            wall_time_max: None,
            // A person takes a tenth of a second for "at once"; half of that is left for the rest.
            grace: Duration::from_millis(50),
        }
    }
}

/// Why there are no workers.
#[derive(Debug, thiserror::Error)]
pub enum WorkerStartError {
    /// The worker program does not do what it should.
    #[error("the worker program does not start")]
    Zygote(#[from] ZygoteError),
    /// The engine that is to compute with models cannot be opened.
    #[error("models cannot be computed with here: {0}")]
    Engine(String),
    /// A layer without which nothing of a stranger's is run.
    #[error(
        "this system does not provide the layer `{layer:?}`, without which no guest is run: {reason}"
    )]
    Layer {
        /// Which.
        layer: Layer,
        /// What the kernel said.
        reason: String,
    },
}

/// What one kind of worker says of the layers around it, and what was seen from outside.
#[derive(Debug)]
pub struct WorkerFinding {
    /// The kind.
    pub role: Role,
    /// What it says.
    pub report: Report,
    /// What was seen.
    pub verification: Verification,
}

/// Layers without which no guest is run: the others make escaping harder still, and not every system
/// has them.
const REQUIRED: [Layer; 5] = [
    Layer::NoNewPrivileges,
    Layer::Seccomp,
    Layer::ResourceLimits,
    Layer::EmptyEnvironment,
    Layer::ClosedDescriptors,
];

/// Works as a worker until the parent is gone: for the `main` of a worker program, which is given its
/// arguments, before anything else happens in the process.
///
/// # Errors
/// In words, if the process was not started by a sandbox, or cannot run the engine.
pub fn serve_as_worker(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let last = arguments.last().unwrap_or_default();
    // SAFETY: a worker program has one thread until it serves, and nothing was computed yet.
    let class = unsafe { enter_bit_exact_class() };
    if let Some(settings) = engine::settings_of(&last) {
        return serve_engine(&settings, &class);
    }
    let level = last;
    let opt_level = OptLevel::named(&level)
        .ok_or_else(|| format!("`{level}` is no level of the compiler: `none` and `speed` are"))?;
    // Made once, and there in every worker that is forked.
    let engine =
        |allocation| InProcess::new(opt_level, allocation).map_err(|error| error.to_string());
    let (pooled, on_demand) = (engine(Allocation::Pooled)?, engine(Allocation::OnDemand)?);
    let roles = Roles {
        runner: &|channel| runner::work(&pooled, &on_demand, channel),
        compiler: &|channel| compiler::work(&on_demand, channel),
        inference: &|channel| inference::work(channel, Ok(Engine::embedded()), &class),
    };
    serve(&roles).map_err(|error| error.to_string())
}

/// Works as an inference worker alone, with an engine that is a library of the system's.
fn serve_engine(settings: &EngineSettings, class: &Result<(), String>) -> Result<(), String> {
    let open = || Engine::open(settings).map_err(|error| error.to_string());
    // Its library is loaded once, while there are files to load it from. Each worker opens it for itself: that
    // starts threads, and a GPU's driver does not outlive a fork.
    let preloaded = Engine::preload(settings).map_err(|error| error.to_string());
    let other = |_| inference::NOT_MINE;
    let roles = Roles {
        runner: &other,
        compiler: &other,
        inference: &|channel| {
            // The environment was empty until here, which is looked at.
            // SAFETY: a worker has one thread until it opens its engine.
            unsafe { meterbox_inference::silence_libraries() };
            let engine = preloaded.clone().and_then(|()| open());
            inference::work(channel, engine, class)
        },
    };
    serve(&roles).map_err(|error| error.to_string())
}
