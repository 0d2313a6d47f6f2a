//! Owns the bounds that a worker is started with. Knows not who decides them.

/// What a worker's process may use. The kernel enforces them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Writable private memory (`RLIMIT_DATA`, soft): heap, stacks, guest memory that is in use. Address
    /// space that is reserved but not accessible is not counted. `Worker::set_data_bytes` moves it.
    pub data_bytes: u64,
    /// How far that may be moved (`RLIMIT_DATA`, hard).
    pub data_bytes_max: u64,
    /// Open descriptors.
    pub descriptors_max: u32,
    /// The length of any file it writes to through a descriptor that it was handed.
    pub file_bytes_max: u64,
    /// Threads, with its first.
    pub threads_max: u32,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            data_bytes: 1 << 30,
            data_bytes_max: 16 << 30,
            // Three standard streams, the channel, and a full frame.
            descriptors_max: 4 + 64,
            file_bytes_max: 0,
            threads_max: 64,
        }
    }
}
