//! Counts host work against its limits, before the work is done. Never does the work.

use std::collections::BTreeMap;

use meterbox_inference::Cost;

use crate::host::wide;
use crate::limits::Limits;
use crate::outcome::{MODELS_TOLD_MAX, ModelMeasured};
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
    /// What of both is each model's, of at most [`MODELS_TOLD_MAX`] of them.
    models: BTreeMap<[u8; 32], (u64, Cost)>,
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

    /// A model that is loaded. Its digest is asked for once its bytes are counted, as it takes to read them.
    pub(crate) fn model(
        &mut self,
        bytes: u64,
        limits: &Limits,
        sha256: impl FnOnce() -> [u8; 32],
    ) -> Result<[u8; 32], HostEnd> {
        add(
            &mut self.model_bytes,
            bytes,
            limits.model_bytes,
            "model_bytes",
        )?;
        let sha256 = sha256();
        // No bytes are no model's part.
        if bytes > 0
            && let Some((of_model, _)) = self.of_model(sha256)
        {
            // No more than all models together, whose count has held.
            *of_model = of_model.saturating_add(bytes);
        }
        Ok(sha256)
    }

    /// The counts of a model, where it is one of those that are told apart.
    fn of_model(&mut self, sha256: [u8; 32]) -> Option<&mut (u64, Cost)> {
        if self.models.len() >= MODELS_TOLD_MAX {
            return self.models.get_mut(&sha256);
        }
        Some(self.models.entry(sha256).or_default())
    }

    /// What each model was charged, sorted by digest.
    pub(crate) fn models(&self) -> Vec<ModelMeasured> {
        let all = self.models.iter();
        all.map(|(sha256, (bytes, cost))| ModelMeasured {
            sha256: *sha256,
            bytes: *bytes,
            cost: *cost,
        })
        .collect()
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

    /// Preparing or calling the model of this digest.
    pub(crate) fn inference(
        &mut self,
        sha256: [u8; 32],
        cost: &Cost,
        limits: &Limits,
    ) -> Result<(), HostEnd> {
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
        if *cost != Cost::default()
            && let Some((_, of_model)) = self.of_model(sha256)
        {
            // No more than all models together, whose counts have held.
            *of_model = of_model.checked_add(cost).unwrap_or(*of_model);
        }
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
            tally.inference([1; 32], &cost, &limits),
            Err(HostEnd::Limit("inference_weight_bytes"))
        );
        assert_eq!(tally.inference, Cost::default());
        assert_eq!(tally.models(), []);
    }

    #[test]
    fn what_models_are_charged_comes_to_the_sums_and_those_beyond_the_bound_are_in_these_alone() {
        let limits = Limits {
            model_bytes: u64::MAX,
            inference_ops: u64::MAX,
            inference_weight_bytes: u64::MAX,
            inference_tensor_bytes: u64::MAX,
            ..Limits::NOTHING
        };
        let mut tally = Tally::default();
        let cost = Cost {
            weight_bytes: 6,
            tensor_bytes: 1,
            ..Cost::default()
        };
        let digest = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            digest
        };
        let measured = |tally: &Tally| crate::Measured {
            models: tally.models(),
            ..crate::run::refused_before_start(&limits).measured
        };
        let adds_up = |tally: &Tally| {
            let mut measured = measured(tally);
            measured.model_bytes = tally.model_bytes;
            measured.inference = tally.inference;
            let holds = measured.models_add_up();
            // A worker that says another sum is found out.
            measured.inference.weight_bytes -= 1;
            assert!(!measured.models_add_up() || measured.models.len() == MODELS_TOLD_MAX);
            holds
        };
        for number in 0..MODELS_TOLD_MAX + 2 {
            for _ in 0..2 {
                let loaded = tally.model(10, &limits, || digest(number));
                assert_eq!(loaded, Ok(digest(number)));
                assert_eq!(tally.inference(digest(number), &cost, &limits), Ok(()));
            }
            assert!(adds_up(&tally), "{number}");
        }
        let models = tally.models();
        assert_eq!(models.len(), MODELS_TOLD_MAX);
        assert!(
            models
                .iter()
                .all(|model| (model.bytes, model.cost.weight_bytes) == (20, 12))
        );
        assert_eq!(tally.model_bytes, 20 * (MODELS_TOLD_MAX as u64 + 2));
        let mut unsorted = measured(&tally);
        unsorted.model_bytes = u64::MAX;
        unsorted.inference = tally.inference;
        assert!(unsorted.models_add_up());
        unsorted.models.swap(0, 1);
        assert!(!unsorted.models_add_up());
    }
}
