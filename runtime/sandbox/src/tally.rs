//! Counts host work against its limits, before the work is done. Never does the work.

use meterbox_inference::Cost;

use crate::host::wide;
use crate::limits::Limits;
use crate::stop::Stopper;

/// Why a host function ends the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostEnd {
    #[error("the limit {0} is reached")]
    Limit(&'static str),
    #[error("the guest exited with code {0}")]
    Exit(u32),
    #[error("the job was stopped")]
    Stopped(Stopper),
    #[error("the host failed: {0}")]
    Fault(String),
    /// A device that a model was to compute on is not there.
    #[error("there is no device of the kind that a model was to compute on")]
    NoDevice,
    /// The engine that computes here cannot run a model.
    #[error("a model cannot be run here: {0}")]
    Unable(String),
    /// A misuse that the component model answers with a trap.
    #[error("the guest misused a host function: {0}")]
    Trap(&'static str),
}

/// The counts of one run. A charge that would pass a limit is not made: it ends the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub host_calls: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub model_bytes: u64,
    pub inference: Cost,
    log_lines: u64,
    log_bytes: u64,
    progress_events: u64,
    tensor_bytes_held: u64,
}

fn add(count: &mut u64, more: u64, limit: u64, name: &'static str) -> Result<(), HostEnd> {
    match count.checked_add(more) {
        Some(sum) if sum <= limit => {
            *count = sum;
            Ok(())
        }
        _ => Err(HostEnd::Limit(name)),
    }
}

impl Tally {
    pub(crate) fn call(&mut self, weight: u64, limits: &Limits) -> Result<(), HostEnd> {
        add(
            &mut self.host_calls,
            weight,
            limits.host_calls,
            "host_calls",
        )
    }

    pub(crate) fn bytes_in(&mut self, bytes: u64, limits: &Limits) -> Result<(), HostEnd> {
        add(&mut self.bytes_in, bytes, limits.bytes_in, "bytes_in")
    }

    pub(crate) fn bytes_out(&mut self, bytes: u64, limits: &Limits) -> Result<(), HostEnd> {
        add(&mut self.bytes_out, bytes, limits.bytes_out, "bytes_out")
    }

    /// A message to the log, of as many lines as it has: counted against limits of its own.
    pub(crate) fn log(&mut self, message: &str, limits: &Limits) -> Result<(), HostEnd> {
        let (lines, bytes) = (wide(message.split('\n').count()), wide(message.len()));
        add(&mut self.log_lines, lines, limits.log_lines, "log_lines")?;
        add(&mut self.log_bytes, bytes, limits.log_bytes, "log_bytes")
    }

    /// A report of progress.
    pub(crate) fn progress(&mut self, limits: &Limits) -> Result<(), HostEnd> {
        let (events, max) = (&mut self.progress_events, limits.progress_events);
        add(events, 1, max, "progress_events")
    }

    pub(crate) fn model(&mut self, bytes: u64, limits: &Limits) -> Result<(), HostEnd> {
        add(
            &mut self.model_bytes,
            bytes,
            limits.model_bytes,
            "model_bytes",
        )
    }

    /// Tensors that the host is to keep for its guest. They may take as many bytes as the guest's own
    /// memory may: whoever gives or takes a tensor has room for it there.
    pub(crate) fn hold_tensors(&mut self, bytes: u64, limits: &Limits) -> Result<(), HostEnd> {
        let (held, max) = (&mut self.tensor_bytes_held, limits.memory_bytes);
        add(held, bytes, max, "memory_bytes")
    }

    /// Tensors that the host no longer keeps.
    pub(crate) fn release_tensors(&mut self, bytes: u64) {
        self.tensor_bytes_held = self.tensor_bytes_held.saturating_sub(bytes);
    }

    pub(crate) fn inference(&mut self, cost: &Cost, limits: &Limits) -> Result<(), HostEnd> {
        let within = |count: Option<u64>, limit: u64, name: &'static str| match count {
            Some(count) if count <= limit => Ok(()),
            _ => Err(HostEnd::Limit(name)),
        };
        let sum = self
            .inference
            .checked_add(cost)
            .ok_or(HostEnd::Limit("inference_ops"))?;
        within(
            sum.operations.total(),
            limits.inference_ops,
            "inference_ops",
        )?;
        within(
            Some(sum.weight_bytes),
            limits.inference_weight_bytes,
            "inference_weight_bytes",
        )?;
        within(
            Some(sum.tensor_bytes),
            limits.inference_tensor_bytes,
            "inference_tensor_bytes",
        )?;
        self.inference = sum;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_reach_its_limit_and_one_more_is_not_counted() {
        let limits = Limits {
            bytes_in: 10,
            ..Limits::NOTHING
        };
        let mut tally = Tally::default();
        assert_eq!(tally.bytes_in(7, &limits), Ok(()));
        assert_eq!(tally.bytes_in(4, &limits), Err(HostEnd::Limit("bytes_in")));
        assert_eq!(tally.bytes_in(3, &limits), Ok(()));
        assert_eq!(
            tally.bytes_in(u64::MAX, &limits),
            Err(HostEnd::Limit("bytes_in"))
        );
        assert_eq!(tally.bytes_in, 10);
    }

    #[test]
    fn an_inference_over_one_limit_counts_nothing() {
        let limits = Limits {
            inference_ops: u64::MAX,
            inference_weight_bytes: 5,
            inference_tensor_bytes: u64::MAX,
            ..Limits::NOTHING
        };
        let mut tally = Tally::default();
        let cost = Cost {
            weight_bytes: 6,
            tensor_bytes: 1,
            ..Cost::default()
        };
        assert_eq!(
            tally.inference(&cost, &limits),
            Err(HostEnd::Limit("inference_weight_bytes"))
        );
        assert_eq!(tally.inference, Cost::default());
    }
}
