//! Where programs are compiled and run: in this process, or in workers. What either does is elsewhere.

use std::sync::Arc;
use std::time::Duration;

use meterbox_meter::Metered;

use crate::engine::{Allocation, InProcess, OptLevel, Program};
use crate::job::{Job, Observer};
use crate::limits::Limits;
use crate::models::Device;
use crate::outcome::{Fault, Ran};
use crate::run::RunError;
use crate::stop::Stop;
use crate::worker::{Pool, WorkerFinding, WorkerSettings, WorkerStartError};

/// Compiles and runs programs. Cheap to share between threads.
pub struct Sandbox {
    opt_level: OptLevel,
    place: Place,
}

enum Place {
    InProcess(Box<InProcess>),
    Workers(Box<Pool>),
}

impl Sandbox {
    /// A sandbox in this process: what WebAssembly and the engine keep apart is all that is kept apart.
    /// For embedding, measuring, and programs that are trusted.
    ///
    /// # Errors
    /// If this machine cannot run the engine.
    pub fn new(opt_level: OptLevel) -> Result<Sandbox, Fault> {
        let place = Place::InProcess(Box::new(InProcess::new(opt_level, Allocation::OnDemand)?));
        Ok(Sandbox { opt_level, place })
    }

    /// A sandbox whose programs are compiled and run by processes that can do nothing else.
    ///
    /// # Errors
    /// If the worker program does not start, or one of the layers that it needs does not hold.
    pub fn with_workers(
        opt_level: OptLevel,
        settings: WorkerSettings,
    ) -> Result<Sandbox, WorkerStartError> {
        let place = Place::Workers(Box::new(Pool::start(opt_level, settings)?));
        Ok(Sandbox { opt_level, place })
    }

    /// How hard its compiler tries.
    #[must_use]
    pub fn opt_level(&self) -> OptLevel {
        self.opt_level
    }

    /// Compiles a metered program, and checks that everything it imports is there.
    ///
    /// # Errors
    /// Refuses a program that imports what no job is given, that exports nothing to run, or that takes too
    /// much to compile.
    pub fn compile(&self, metered: Metered) -> Result<Program, RunError> {
        match &self.place {
            Place::InProcess(place) => Ok(place.compile(metered)?),
            Place::Workers(pool) => pool.compile(metered),
        }
    }

    /// Runs a program once, and waits for it.
    ///
    /// While a worker's run calls models, this thread may be kept on the processor on which these compute, unless it
    /// was given one before. Observers and whoever keeps the calls are told by it as it was found, and so it is
    /// afterwards.
    ///
    /// # Errors
    /// A refusal if what the program declares does not fit the limits; a fault if the host failed. A
    /// guest that fails is not an error: it is an [`Outcome`](crate::Outcome).
    pub fn run(
        &self,
        program: &Program,
        job: Arc<Job>,
        limits: &Limits,
        observer: Arc<dyn Observer>,
    ) -> Result<Ran, RunError> {
        self.run_until(program, job, limits, observer, &Stop::new())
    }

    /// As [`run`](Sandbox::run), and can be stopped.
    ///
    /// # Errors
    /// As [`run`](Sandbox::run).
    pub fn run_until(
        &self,
        program: &Program,
        job: Arc<Job>,
        limits: &Limits,
        observer: Arc<dyn Observer>,
        stop: &Stop,
    ) -> Result<Ran, RunError> {
        match &self.place {
            Place::InProcess(place) => place.run(program, job, limits, observer, stop),
            Place::Workers(pool) => pool.run(program, &job, limits, &observer, stop),
        }
    }

    /// What a worker of each kind says of the layers around it, and whether it is so, looked at from
    /// outside. Empty for a sandbox in this process: there are none.
    ///
    /// # Errors
    /// If no worker can be started.
    pub fn examine_workers(&self) -> Result<Vec<WorkerFinding>, WorkerStartError> {
        match &self.place {
            Place::InProcess(_) => Ok(Vec::new()),
            Place::Workers(pool) => pool.examine(),
        }
    }

    /// What models compute on here, unless a job says otherwise.
    #[must_use]
    pub fn device(&self) -> Device {
        match &self.place {
            Place::InProcess(_) => Device::Cpu,
            Place::Workers(pool) => pool.device(),
        }
    }

    /// Models that were loaded so far. One that many jobs use is loaded once, unless it had to make room, its
    /// process died, or its owners do not share it.
    #[must_use]
    pub fn models_loaded(&self) -> u64 {
        match &self.place {
            Place::InProcess(place) => place.cache.loaded(),
            Place::Workers(pool) => pool.models_loaded(),
        }
    }

    /// How long engines have had calls so far, as the processes say in which they compute: what a run takes for a call
    /// beside that is the sandbox's. For measurements.
    #[must_use]
    pub fn models_computed(&self) -> Duration {
        match &self.place {
            Place::InProcess(place) => place.cache.computed(),
            Place::Workers(pool) => pool.models_computed(),
        }
    }

    /// Processes of workers that wait for a job or have one. Empty for a sandbox in this process.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        match &self.place {
            Place::InProcess(_) => Vec::new(),
            Place::Workers(pool) => pool.pids(),
        }
    }
}
