//! The zygotes of one sandbox, from which its workers are forked. Keeps none of these.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use meterbox_inference::{Device as EngineDevice, EngineKind, EngineSettings};
use meterbox_isolation::{
    Layer, Layers, Role, Worker, WorkerLimits, Zygote, ZygoteError, ZygoteSettings,
};

use super::{WorkerSettings, engine};
use crate::engine::OptLevel;
use crate::locks::locked;
use crate::models::Device;

/// Bytes of any one scratch file: more than any order may ask for.
pub(super) const SCRATCH_BYTES_MAX: u64 = 4 << 40;

/// How long a worker may take to be born.
const BIRTH_TIME_MAX: Duration = Duration::from_secs(20);

/// The zygotes of one sandbox.
pub(super) struct Zygotes {
    /// That of all workers that have the built-in engine for models.
    own: Replaceable,
    /// That of the engine for models that is set, if it is another.
    engine: Option<Replaceable>,
    device: Device,
}

impl Zygotes {
    pub(super) fn start(
        settings: &WorkerSettings,
        opt_level: OptLevel,
    ) -> Result<Zygotes, ZygoteError> {
        let known = settings.clone();
        let own = Replaceable::new(move || start_own(&known, opt_level))?;
        let engine = match settings.engine.kind {
            EngineKind::Tract if settings.engine.device == EngineDevice::Processor => None,
            _ => {
                let known = settings.clone();
                Some(Replaceable::new(move || start_engine(&known))?)
            }
        };
        Ok(Zygotes {
            own,
            engine,
            device: match settings.engine.device {
                EngineDevice::Processor => Device::Cpu,
                EngineDevice::Cuda { .. } => Device::Gpu,
            },
        })
    }

    /// What the engine that is set computes on.
    pub(super) fn device(&self) -> Device {
        self.device
    }

    /// Whether that engine has a zygote of its own.
    pub(super) fn has_engine(&self) -> bool {
        self.engine.is_some()
    }

    /// A worker. `when_gone` is called if all workers before it are gone, with their zygote.
    pub(super) fn fork(
        &self,
        role: Role,
        limits: &WorkerLimits,
        when_gone: impl FnOnce(),
    ) -> Result<Worker, ZygoteError> {
        self.own.fork(role, limits, when_gone)
    }

    /// A worker that computes on this device: with the engine that was set, if that is for it; else with the
    /// one that is built in, where `when_gone` is called as [`Zygotes::fork`] does.
    pub(super) fn fork_inference(
        &self,
        device: Device,
        limits: &WorkerLimits,
        when_gone: impl FnOnce(),
    ) -> Result<Worker, ZygoteError> {
        match &self.engine {
            Some(zygote) if device == self.device => {
                zygote.fork(Role::Inference, &of_engine(limits, device), || ())
            }
            _ => self.fork(Role::Inference, limits, when_gone),
        }
    }
}

/// What a worker may use that computes with libraries, which map, open and start more than our own code does.
fn of_engine(limits: &WorkerLimits, device: Device) -> WorkerLimits {
    let limits = WorkerLimits {
        descriptors_max: 4_096,
        threads_max: 1_024,
        ..*limits
    };
    match device {
        Device::Gpu => WorkerLimits {
            // A driver reserves address space in which it does not have memory.
            data_bytes: u64::MAX / 2,
            data_bytes_max: u64::MAX / 2,
            file_bytes_max: SCRATCH_BYTES_MAX,
            ..limits
        },
        _ => limits,
    }
}

/// A zygote, and how another one is started in its place.
struct Replaceable {
    current: Mutex<Arc<Zygote>>,
    start: Box<dyn Fn() -> Result<Zygote, ZygoteError> + Send + Sync>,
}

impl Replaceable {
    fn new(
        start: impl Fn() -> Result<Zygote, ZygoteError> + Send + Sync + 'static,
    ) -> Result<Replaceable, ZygoteError> {
        Ok(Replaceable {
            current: Mutex::new(Arc::new(start()?)),
            start: Box::new(start),
        })
    }

    /// Forks from the zygote, or from the one that takes its place if it is gone.
    fn fork(
        &self,
        role: Role,
        limits: &WorkerLimits,
        when_gone: impl FnOnce(),
    ) -> Result<Worker, ZygoteError> {
        let known = Arc::clone(&locked(&self.current));
        let deadline = Some(Instant::now() + BIRTH_TIME_MAX);
        match known.fork(role, limits, deadline) {
            Err(ZygoteError::Gone) => {}
            result => return result,
        }
        // Somebody killed it, and all workers with it. Whoever notices first starts another.
        let mut current = locked(&self.current);
        if Arc::ptr_eq(&current, &known) {
            *current = Arc::new((self.start)()?);
            when_gone();
        }
        current.fork(role, limits, deadline)
    }
}

fn start_own(settings: &WorkerSettings, opt_level: OptLevel) -> Result<Zygote, ZygoteError> {
    let mut command = Command::new(&settings.program);
    command.args(&settings.arguments).arg(opt_level.name());
    Zygote::start(command, &ZygoteSettings::default())
}

fn start_engine(settings: &WorkerSettings) -> Result<Zygote, ZygoteError> {
    let refused = || std::io::Error::other("a path of the engine's has a line break");
    let argument = engine::argument(&settings.engine);
    let argument = argument.ok_or_else(|| ZygoteError::Refused(refused()))?;
    let mut command = Command::new(&settings.program);
    command.args(&settings.arguments).arg(argument);
    let zygote = ZygoteSettings {
        layers: engine_layers(&settings.engine),
        ..ZygoteSettings::default()
    };
    Zygote::start(command, &zygote)
}

/// What a driver of a GPU cannot do without is not taken from its process: files and devices to open, and
/// system calls that no list names.
fn engine_layers(settings: &EngineSettings) -> Layers {
    match settings.device {
        EngineDevice::Processor => Layers::ALL,
        EngineDevice::Cuda { .. } => [Layer::Landlock, Layer::Seccomp, Layer::MountNamespace]
            .into_iter()
            .fold(Layers::ALL, Layers::without),
    }
}
