//! Puts what the sandbox measured into the terms that are billed. Neither measures nor prices.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use meterbox_billing::digest::Digest;
use meterbox_billing::job::{Blob, Job as OrderedJob};
use meterbox_billing::limits::Limits;
use meterbox_billing::model_use::{MODELS_TOLD_MAX, ModelUse};
use meterbox_billing::outcome::{Outcome, Stopper};
use meterbox_billing::receipt::EngineFacts;
use meterbox_billing::text::Message;
use meterbox_billing::transcript::{Call, CallFailure, Tensor, Transcript};
use meterbox_billing::usage::Usage;
use meterbox_sandbox as sandbox;

use crate::ProviderError;
use crate::material::Material;

/// What of the engine decides results and counts: the same for every job, so digested once.
static ENGINE_FACTS: LazyLock<EngineFacts> = LazyLock::new(|| EngineFacts {
    meter_version: meterbox_meter::METER_VERSION.to_string(),
    cost_schedule: Digest::from_bytes(meterbox_meter::schedule_digest()),
    host_call_table: Digest::from_bytes(sandbox::host_calls::host_call_table_digest()),
    inference_cost_table: Digest::from_bytes(meterbox_inference::cost_table_digest()),
    wasm_features: meterbox_meter::FEATURE_NAMES
        .iter()
        .map(|name| (*name).to_string())
        .collect(),
    float_mode: sandbox::FLOAT_MODE.to_string(),
});

/// What of the engine decides results and counts.
pub(crate) fn engine_facts() -> EngineFacts {
    ENGINE_FACTS.clone()
}

/// How a program that runs under these bounds is metered.
#[must_use]
pub fn options(limits: &Limits) -> meterbox_meter::Options {
    meterbox_meter::Options {
        memory_bytes_max: Some(limits.memory_bytes),
        ..meterbox_meter::Options::default()
    }
}

/// The bounds as the sandbox takes them.
pub(crate) fn sandbox_limits(limits: &Limits) -> sandbox::Limits {
    sandbox::Limits {
        instructions: limits.instructions,
        memory_bytes: limits.memory_bytes,
        stack_units: limits.stack_units,
        table_elements: limits.table_elements,
        host_calls: limits.host_calls,
        bytes_in: limits.bytes_in,
        bytes_out: limits.bytes_out,
        outputs: limits.outputs,
        handles: limits.handles,
        files: limits.files,
        file_bytes: limits.file_bytes,
        folder_depth: limits.folder_depth,
        log_lines: limits.log_lines,
        log_bytes: limits.log_bytes,
        progress_events: limits.progress_events,
        model_bytes: limits.model_bytes,
        inference_ops: limits.inference_ops,
        inference_weight_bytes: limits.inference_weight_bytes,
        inference_tensor_bytes: limits.inference_tensor_bytes,
    }
}

/// The job as the sandbox takes it.
pub(crate) fn sandbox_job(
    job: &OrderedJob,
    material: &Material,
    owner: [u8; 32],
    calls: Option<Arc<dyn sandbox::Calls>>,
) -> sandbox::Job {
    sandbox::Job {
        arguments: job.arguments.clone(),
        environment: job
            .environment
            .iter()
            .map(|one| (one.name.clone(), one.value.clone()))
            .collect(),
        seed: job.seed,
        clock_start_ns: job.clock_start_ns,
        inputs: material.inputs.clone(),
        scratch: None,
        public_models: std::collections::BTreeSet::new(),
        device: sandbox::Device::Cpu,
        replay_device: None,
        owner,
        calls,
    }
}

/// The usage that is billed: none of a job that its provider stopped, or of which nothing could be
/// counted.
pub(crate) fn billed_usage(
    outcome: &sandbox::Outcome,
    measured: &sandbox::Measured,
    admission_units: u64,
) -> Usage {
    if is_unbilled(outcome) {
        Usage::default()
    } else {
        usage(measured, admission_units)
    }
}

// What is told apart here has its place in a receipt.
const _: () = assert!(sandbox::MODELS_TOLD_MAX == MODELS_TOLD_MAX);

/// What of the usage that is billed each model was used for.
pub(crate) fn billed_models(ran: &sandbox::Ran) -> Vec<ModelUse> {
    if is_unbilled(&ran.outcome) {
        Vec::new()
    } else {
        models(&ran.measured, &ran.transcript)
    }
}

/// What each model was used for, as the usage counts it.
fn models(measured: &sandbox::Measured, calls: &[sandbox::InferenceCall]) -> Vec<ModelUse> {
    let mut called: HashMap<[u8; 32], u64> = HashMap::new();
    for call in calls {
        let count = called.entry(call.model).or_default();
        *count = count.saturating_add(1);
    }
    let used = measured.models.iter().map(|model| {
        let operations = &model.cost.operations;
        ModelUse {
            sha256: Digest::from_bytes(model.sha256),
            calls: called.get(&model.sha256).copied().unwrap_or(0),
            inference_ops_f64: u128::from(operations.f64),
            inference_ops_f32: u128::from(operations.f32),
            inference_ops_f16: u128::from(operations.f16),
            inference_ops_i8: u128::from(operations.i8),
            inference_ops_i4: u128::from(operations.i4),
            inference_weight_bytes: u128::from(model.cost.weight_bytes),
            inference_tensor_bytes: u128::from(model.cost.tensor_bytes),
            inference_model_byte_instructions: u128::from(model.bytes)
                * u128::from(measured.spent.instructions),
        }
    });
    used.collect()
}

/// Whether a job that ended so is not billed for what it used.
pub(crate) fn is_unbilled(outcome: &sandbox::Outcome) -> bool {
    matches!(
        outcome,
        sandbox::Outcome::Stopped { killed: true, .. }
            | sandbox::Outcome::Stopped {
                by: sandbox::Stopper::Provider,
                ..
            }
    )
}

/// The usage of a job.
pub(crate) fn usage(measured: &sandbox::Measured, admission_units: u64) -> Usage {
    let operations = &measured.inference.operations;
    Usage {
        instructions: u128::from(measured.spent.instructions),
        memory_page_instructions: measured.spent.memory_page_instructions,
        memory_pages_peak: u128::from(measured.spent.memory_pages_peak),
        host_calls: u128::from(measured.host_calls),
        bytes_in: u128::from(measured.bytes_in),
        bytes_out: u128::from(measured.bytes_out),
        inference_ops_f64: u128::from(operations.f64),
        inference_ops_f32: u128::from(operations.f32),
        inference_ops_f16: u128::from(operations.f16),
        inference_ops_i8: u128::from(operations.i8),
        inference_ops_i4: u128::from(operations.i4),
        inference_weight_bytes: u128::from(measured.inference.weight_bytes),
        inference_tensor_bytes: u128::from(measured.inference.tensor_bytes),
        // A model that was loaded is billed as resident all the while: the host cannot read a
        // component's count in the middle of a run.
        inference_model_byte_instructions: u128::from(measured.model_bytes)
            * u128::from(measured.spent.instructions),
        admission_units: u128::from(admission_units),
        ..Usage::default()
    }
}

/// The outcome that is receipted.
pub(crate) fn outcome(outcome: &sandbox::Outcome) -> Result<Outcome, ProviderError> {
    let id = |name: &str| {
        name.parse()
            .map_err(|_| ProviderError::Name(name.to_string()))
    };
    Ok(match outcome {
        sandbox::Outcome::Ok => Outcome::OK,
        sandbox::Outcome::Failed { message, code } => Outcome::Failed {
            message: Message::cut(message),
            code: *code,
        },
        sandbox::Outcome::Trapped { trap } => Outcome::Trapped { trap: id(trap)? },
        sandbox::Outcome::Limit { which } => Outcome::Limit { which: id(which)? },
        sandbox::Outcome::Stopped { by, killed } => Outcome::Stopped {
            by: match by {
                sandbox::Stopper::Requestor => Stopper::Requestor,
                sandbox::Stopper::Provider => Stopper::Provider,
            },
            killed: *killed,
        },
    })
}

/// The outputs that are receipted.
pub(crate) fn outputs(outputs: &[sandbox::Output]) -> Vec<Blob> {
    outputs
        .iter()
        .map(|output| Blob {
            name: output.name.clone(),
            sha256: Digest::from_bytes(output.sha256),
            bytes: output.bytes,
        })
        .collect()
}

/// The transcript that is receipted.
pub(crate) fn transcript(calls: &[sandbox::InferenceCall]) -> Transcript {
    let tensors = |tensors: &[(String, [u8; 32])]| {
        tensors
            .iter()
            .map(|(name, sha256)| Tensor {
                name: name.clone(),
                sha256: Digest::from_bytes(*sha256),
            })
            .collect()
    };
    let calls = calls
        .iter()
        .map(|call| {
            let operations = &call.cost.operations;
            let all = [
                operations.f64,
                operations.f32,
                operations.f16,
                operations.i8,
                operations.i4,
            ];
            Call {
                model: Digest::from_bytes(call.model),
                inputs: tensors(&call.inputs),
                outputs: tensors(&call.outputs),
                failed: call.failed.map(failure),
                operations: all.into_iter().map(u128::from).sum(),
                weight_bytes: u128::from(call.cost.weight_bytes),
                tensor_bytes: u128::from(call.cost.tensor_bytes),
            }
        })
        .collect();
    Transcript::of(calls)
}

const fn failure(code: sandbox::NnCode) -> CallFailure {
    match code {
        sandbox::NnCode::InvalidArgument => CallFailure::InvalidArgument,
        sandbox::NnCode::InvalidEncoding => CallFailure::InvalidEncoding,
        sandbox::NnCode::RuntimeError => CallFailure::RuntimeError,
        sandbox::NnCode::UnsupportedOperation => CallFailure::UnsupportedOperation,
        sandbox::NnCode::TooLarge => CallFailure::TooLarge,
        sandbox::NnCode::NotFound => CallFailure::NotFound,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_loaded_model_counts_its_bytes_for_all_units_of_the_run() {
        let spent = meterbox_meter::Spent {
            instructions: u64::MAX,
            memory_page_instructions: 0,
            memory_pages_peak: 0,
            exhausted: None,
        };
        let measured = super::sandbox::Measured {
            spent,
            host_calls: 0,
            bytes_in: 0,
            bytes_out: 0,
            model_bytes: 3,
            inference: meterbox_inference::Cost::default(),
            models: Vec::new(),
        };
        let usage = super::usage(&measured, 0);
        assert_eq!(
            usage.inference_model_byte_instructions,
            3 * u128::from(u64::MAX)
        );
    }

    #[test]
    fn an_order_that_names_no_limits_has_those_of_the_sandbox() {
        let ordered = super::sandbox_limits(&meterbox_billing::limits::Limits::default());
        assert_eq!(ordered, meterbox_sandbox::Limits::default());
    }
}
