//! What one run may use. Never knows what it costs.

use serde::{Deserialize, Serialize};

/// The largest stack that a run may be given: the engine's native stack has 64 bytes for each unit.
pub const STACK_UNITS_MAX: u64 = 4 << 20;

/// The bounds of one run. Reaching one that is counted ends the run as `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Weighted units of guest code.
    pub instructions: u64,
    /// Bytes of all linear memories together: `memory.grow` fails beyond. And, apart from these, of all
    /// tensors that the host holds: one more ends the run.
    pub memory_bytes: u64,
    /// Stack units, at most [`STACK_UNITS_MAX`].
    pub stack_units: u64,
    /// Elements of all tables together. `table.grow` fails beyond.
    pub table_elements: u64,
    /// Weighted units of host calls.
    pub host_calls: u64,
    /// Bytes that host calls deliver to the guest.
    pub bytes_in: u64,
    /// Bytes that host calls take from the guest.
    pub bytes_out: u64,
    /// Outputs that a job leaves.
    pub outputs: u64,
    /// Files, folders and links in `/out` and `/tmp` at one time. Creating one more fails.
    pub files: u64,
    /// Bytes of all files in `/out` and `/tmp` together. Writing beyond fails.
    pub file_bytes: u64,
    /// Folders within each other, below `/out` and below `/tmp`. Creating a deeper one fails.
    pub folder_depth: u64,
    /// Messages that a job logs.
    pub log_lines: u64,
    /// Bytes of all messages that a job logs.
    pub log_bytes: u64,
    /// Reports of progress.
    pub progress_events: u64,
    /// Host resources open at one time.
    pub handles: u64,
    /// Bytes of all loaded models together.
    pub model_bytes: u64,
    /// Operations of inference, of all precisions together.
    pub inference_ops: u64,
    /// Bytes of weights that inference reads.
    pub inference_weight_bytes: u64,
    /// Bytes of tensors that inference reads and writes.
    pub inference_tensor_bytes: u64,
}

impl Limits {
    /// Limits under which nothing runs: to begin with where each is to be chosen.
    pub const NOTHING: Limits = Limits {
        instructions: 0,
        memory_bytes: 0,
        stack_units: 0,
        table_elements: 0,
        host_calls: 0,
        bytes_in: 0,
        bytes_out: 0,
        outputs: 0,
        files: 0,
        file_bytes: 0,
        folder_depth: 0,
        log_lines: 0,
        log_bytes: 0,
        progress_events: 0,
        handles: 0,
        model_bytes: 0,
        inference_ops: 0,
        inference_weight_bytes: 0,
        inference_tensor_bytes: 0,
    };
}

impl Default for Limits {
    /// Limits that most jobs keep: those of an order that names none.
    fn default() -> Limits {
        Limits {
            instructions: 100_000_000_000,
            memory_bytes: 512 << 20,
            stack_units: 2 << 20,
            table_elements: 1_000_000,
            host_calls: 1_000_000_000,
            bytes_in: 4 << 30,
            bytes_out: 1 << 30,
            outputs: 1_024,
            files: 10_000,
            file_bytes: 1 << 30,
            folder_depth: 64,
            log_lines: 10_000,
            log_bytes: 16 << 20,
            progress_events: 100_000,
            handles: 10_000,
            model_bytes: 1 << 30,
            inference_ops: 10_000_000_000_000,
            inference_weight_bytes: 10_000_000_000_000,
            inference_tensor_bytes: 100_000_000_000,
        }
    }
}
