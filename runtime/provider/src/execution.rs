//! One run of a compiled program as an order says, and its bill: what a provider does, and what whoever doubts a
//! receipt does again. Signs and records nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use meterbox_billing::bill::{Bill, price_job};
use meterbox_billing::job::Job;
use meterbox_billing::limits::Limits;
use meterbox_billing::offer::Device;
use meterbox_billing::order::Order;
use meterbox_billing::rate_card::RateCard;
use meterbox_billing::receipt::{Reproducible, Run};
use meterbox_sandbox::{Calls, Device as SandboxDevice, Observer, Program, Ran, Sandbox, Stop};

use crate::ProviderError;
use crate::material::Material;
use crate::measure;

/// A run before it is signed.
pub(crate) struct Executed {
    pub(crate) reproducible: Reproducible,
    pub(crate) ran: Ran,
    pub(crate) run_time: Duration,
}

/// A compiled program, and all that says how it is to be run.
#[derive(Clone, Copy)]
pub(crate) struct Running<'r> {
    pub(crate) sandbox: &'r Sandbox,
    pub(crate) program: &'r Program,
    pub(crate) order: &'r Order,
    pub(crate) material: &'r Material,
    pub(crate) card: &'r RateCard,
    /// Whether models are computed with on whatever there is: what is not of the device is not compared.
    pub(crate) is_replay: bool,
}

/// Runs a compiled program as an order says, and bills it: what a provider does, and what whoever
/// doubts a receipt does again.
pub(crate) fn execute(
    running: &Running<'_>,
    observer: Arc<dyn Observer>,
    calls: Option<Arc<dyn Calls>>,
    stop: &Stop,
) -> Result<Executed, ProviderError> {
    let Running {
        sandbox,
        program,
        order,
        material,
        card,
        is_replay,
    } = *running;
    let began = Instant::now();
    let owner = *order.requestor_key.as_bytes();
    let mut job = measure::sandbox_job(&order.job, material, owner, calls);
    job.device = match order.device {
        Device::Cpu => SandboxDevice::Cpu,
        Device::Gpu => SandboxDevice::Gpu,
    };
    // What was computed on a GPU is compared with what a processor comes to, where that is all there is.
    let has_no_gpu = sandbox.device() != SandboxDevice::Gpu;
    job.replay_device = (is_replay && has_no_gpu).then_some(SandboxDevice::Cpu);
    let job = Arc::new(job);
    let mut ran = sandbox.run_until(
        program,
        job,
        &measure::sandbox_limits(&order.limits),
        observer,
        stop,
    )?;
    let run_time = began.elapsed();
    if measure::is_unbilled(&ran.outcome) {
        // What is not billed is not handed out.
        ran.outputs.clear();
        ran.transcript.clear();
    }
    let reproducible = reproducible(
        &order.job,
        &order.limits,
        &ran,
        program.admission_units(),
        card,
    )?;
    Ok(Executed {
        reproducible,
        ran,
        run_time,
    })
}

fn reproducible(
    job: &Job,
    limits: &Limits,
    ran: &Ran,
    admission_units: u64,
    card: &RateCard,
) -> Result<Reproducible, ProviderError> {
    let outcome = measure::outcome(&ran.outcome)?;
    let usage = measure::billed_usage(&ran.outcome, &ran.measured, admission_units);
    let bill: Bill = price_job(&outcome, &usage, card)?;
    let run = Run {
        engine: measure::engine_facts(),
        limits: *limits,
        outcome,
        outputs: measure::outputs(&ran.outputs),
        transcript: measure::transcript(&ran.transcript).digest()?,
        usage,
        models: measure::billed_models(ran),
    };
    Ok(Reproducible::new(job, run, card.digest()?, bill)?)
}
