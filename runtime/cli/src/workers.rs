//! Where guests run: in workers, which are this same program, or in this process. Knows no job.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meterbox_sandbox::{
    EngineDevice, OptLevel, Sandbox, Stop, Stopper, WorkerSettings, WorkerStartError,
};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::Ended;
use crate::engine::EngineArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::Home;

/// Where guests run.
#[derive(Debug, Args)]
pub struct Place {
    /// Run the program within this process, without workers: for programs that you trust
    #[arg(long)]
    in_process: bool,

    /// Stop the job, unbilled, if it takes longer than this by the clock on the wall; not with --in-process
    #[arg(long, value_name = "SECONDS", default_value = "86400")]
    wall_time_max: u64,

    #[command(flatten)]
    engine: EngineArguments,
}

impl Place {
    /// A stop that the interrupt key requests, or who ends the program by its default signal. A second one ends it
    /// as ever. Within this process a program that calls nothing cannot be stopped: there that signal ends it at once.
    pub fn stop_on_interrupt(&self) -> Stop {
        let stop = Stop::new();
        let signals: &[i32] = match self.in_process {
            true => &[SIGINT],
            false => &[SIGINT, SIGTERM],
        };
        for &signal in signals {
            let requested = stop.clone();
            // Without the handler the signal ends the program at once, and the order is released at the next start.
            // SAFETY: the handler stores to an atomic, and restores what the signal did before.
            let _ = unsafe {
                signal_hook::low_level::register(signal, move || {
                    if requested.requested().is_some() {
                        let _ = signal_hook::low_level::emulate_default_handler(signal);
                    }
                    requested.request(Stopper::Requestor);
                })
            };
        }
        stop
    }

    /// A sandbox there.
    pub fn sandbox(&self, opt_level: OptLevel, home: &Home) -> Result<Sandbox, Failure> {
        if self.in_process && !self.engine.is_built_in() {
            return Err(Failure::new(
                Exit::Usage,
                "with --in-process, models are computed with by what is built in",
            )
            .hint("leave --in-process out: other engines have a process of their own"));
        }
        if self.in_process {
            // SAFETY: this program has started no thread yet, and computed nothing. A processor that is not of
            // the class is said on the receipt.
            let _ = unsafe { meterbox_sandbox::enter_bit_exact_class() };
            return Sandbox::new(opt_level).map_err(|error| {
                Failure::caused(Exit::Fault, "the engine does not start", &error)
            });
        }
        let settings = WorkerSettings {
            cache: Some(home.cache_path()),
            scratch: Some(home.scratch_path()),
            wall_time_max: Some(Duration::from_secs(self.wall_time_max)),
            engine: self.engine.settings()?,
            ..settings()?
        };
        let device = settings.engine.device;
        Sandbox::with_workers(opt_level, settings).map_err(|error| match (&error, device) {
            // Which the order asked for, and this machine has not.
            (WorkerStartError::Engine(_), EngineDevice::Cuda { .. }) => Failure {
                exit: Exit::Refused,
                ..no_workers(&error)
            },
            _ => no_workers(&error),
        })
    }
}

/// Workers that are this program.
pub fn settings() -> Result<WorkerSettings, Failure> {
    let program: PathBuf = env::current_exe().map_err(|error| {
        Failure::caused(
            Exit::Fault,
            "this program does not know where it is",
            &error,
        )
    })?;
    Ok(WorkerSettings {
        arguments: vec!["worker".into()],
        ..WorkerSettings::new(program)
    })
}

/// Why there are no workers, and what to do.
pub fn no_workers(error: &WorkerStartError) -> Failure {
    if let WorkerStartError::Engine(_) = error {
        return no_engine(error);
    }
    Failure::caused(Exit::Fault, "guests cannot be isolated here", error).hint(
        "see `meterbox doctor`; with --in-process, a program that you trust runs without isolation",
    )
}

/// Why nothing computes with models, and what to do.
pub fn no_engine(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::caused(Exit::Fault, "the engine for models is not there", error).hint(
        "`meterbox doctor` lists what this machine has to compute models with; `--onnxruntime` says where ONNX \
         Runtime's library is",
    )
}

/// What `meterbox worker` does.
pub fn serve(opt_level: String) -> Ended {
    meterbox_sandbox::serve_as_worker(std::iter::once(opt_level))
        .map(|()| Exit::Ok)
        .map_err(|reason| Failure::new(Exit::Usage, reason))
}
