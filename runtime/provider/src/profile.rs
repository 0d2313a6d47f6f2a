//! Runs a job once to see where its units go. Orders, signs, prices and records nothing.

use std::sync::Arc;

use meterbox_billing::job::Job;
use meterbox_billing::limits::Limits;
use meterbox_billing::outcome::Outcome;
use meterbox_billing::usage::Usage;
use meterbox_meter::{Options, meter_with};
use meterbox_sandbox::{Observer, OptLevel, Profile, Sandbox};

use crate::ProviderError;
use crate::material::Material;
use crate::measure;

/// A job that was profiled.
#[derive(Debug)]
pub struct Profiled {
    /// How it ended.
    pub outcome: Outcome,
    /// What it used: the same as in a receipt.
    pub usage: Usage,
    /// Where its units went; `None` if it did not begin.
    pub profile: Option<Profile>,
}

/// Runs a job under these limits, and says where its units went.
///
/// # Errors
/// If the program is refused, the material is not the job's, the host fails, or there are more call paths
/// than a profile holds.
pub fn profile(
    job: &Job,
    limits: &Limits,
    material: &Material,
    opt_level: OptLevel,
    observer: Arc<dyn Observer>,
) -> Result<Profiled, ProviderError> {
    material.check(job)?;
    let sandbox = Sandbox::new(opt_level)?;
    let options = Options {
        hooks: true,
        ..measure::options(limits)
    };
    let program = sandbox.compile(meter_with(&material.program, &options)?)?;
    let ran = sandbox.run(
        &program,
        Arc::new(measure::sandbox_job(job, material, [0; 32], None)),
        &measure::sandbox_limits(limits),
        observer,
    )?;
    Ok(Profiled {
        outcome: measure::outcome(&ran.outcome)?,
        usage: measure::usage(&ran.measured, program.admission_units()),
        profile: ran.profile,
    })
}
