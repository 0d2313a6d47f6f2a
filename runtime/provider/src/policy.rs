//! What a provider offers: the largest limits, and what can be run on its machine.

use meterbox_billing::limits::Limits;
use meterbox_billing::offer::{Capabilities, Confidentiality, Device, Precision};
use meterbox_sandbox::{Device as SandboxDevice, STACK_UNITS_MAX};

/// What a provider lets any one job use.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The largest limits that an order may ask for.
    pub limits_max: Limits,
}

impl Default for Policy {
    /// Everything that an order may ask for, up to what the sandbox can bound.
    fn default() -> Policy {
        Policy {
            limits_max: Limits {
                instructions: meterbox_meter::BUDGET_MAX,
                memory_bytes: 64 << 30,
                stack_units: STACK_UNITS_MAX,
                table_elements: 10_000_000,
                host_calls: u64::MAX,
                bytes_in: u64::MAX,
                bytes_out: u64::MAX,
                outputs: 1_000_000,
                handles: 1_000_000,
                files: 1_000_000,
                file_bytes: 1 << 40,
                folder_depth: 128,
                log_lines: 1_000_000,
                log_bytes: 1 << 30,
                progress_events: 1_000_000,
                model_bytes: 64 << 30,
                inference_ops: u64::MAX,
                inference_weight_bytes: u64::MAX,
                inference_tensor_bytes: u64::MAX,
                tokens: u64::MAX,
                admission_units: 1 << 40,
            },
        }
    }
}

/// What can be run where models are computed with on this device and on the processor.
pub(crate) fn capabilities(device: SandboxDevice) -> Capabilities {
    let gpu = (device == SandboxDevice::Gpu).then_some(Device::Gpu);
    Capabilities {
        worlds: [
            "meterbox:job/job@0.1.0",
            "wasi:cli/command@0.2",
            "wasi:cli/command@0.1",
        ]
        .map(String::from)
        .into(),
        wasm_features: meterbox_meter::FEATURE_NAMES
            .iter()
            .map(|name| (*name).to_string())
            .collect(),
        meter_version: meterbox_meter::METER_VERSION.to_string(),
        // Models run in the precision that they are written in.
        precisions: [
            Precision::F64,
            Precision::F32,
            Precision::F16,
            Precision::I8,
        ]
        .into(),
        confidentiality: [Confidentiality::None].into(),
        devices: gpu.into_iter().chain([Device::Cpu]).collect(),
    }
}
