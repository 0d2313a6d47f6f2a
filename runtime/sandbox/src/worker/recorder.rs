//! Tells an embedder that only keeps what models gave, while the next call is computed: time in which this process has
//! nothing else to do.

use std::sync::Arc;
use std::time::Duration;

use crate::host::wide;
use crate::job::Job;
use crate::models::exchange::Exchange;
use crate::models::wire::{TensorPart, take};
use crate::models::{Calls, EndRun, Given, ModelCall, NnCode, patience};
use crate::outcome::Fault;

/// Bytes of outputs that are told while the next call is computed. More are told before it is asked for: other runs may
/// wait for the process that computes, and should not for this one's disk.
const BESIDE_BYTES_MAX: u64 = 16 << 20;

/// What one call gave.
pub(super) struct Gave {
    pub(super) model: [u8; 32],
    /// The names of the model's outputs.
    pub(super) outputs: Arc<[String]>,
    pub(super) given: Where,
}

/// Where a call's outputs are.
pub(super) enum Where {
    /// In memory that the run has, and leaves as it is until the next call has been answered.
    There(Arc<Exchange>, Vec<TensorPart>),
    /// Here, or nowhere: the call failed.
    Here(Given),
}

impl Where {
    fn bytes(&self) -> u64 {
        match self {
            Where::There(_, parts) => parts.iter().map(TensorPart::bytes).sum(),
            Where::Here(given) => given
                .iter()
                .flatten()
                .map(|(_, tensor)| wide(tensor.data().len()))
                .sum(),
        }
    }

    /// What the call gave; copied, since a run that is not what it should be may change what lies there.
    pub(super) fn given(self) -> Result<Given, Fault> {
        match self {
            Where::There(exchange, parts) => {
                let tensors = take(&exchange, parts);
                tensors.map(Ok).ok_or_else(|| {
                    Fault::Inference("it says of outputs that they are where none can be".into())
                })
            }
            Where::Here(given) => Ok(given),
        }
    }
}

impl From<NnCode> for Where {
    fn from(code: NnCode) -> Where {
        Where::Here(Err(code))
    }
}

/// One run's calls, told to whoever keeps them.
pub(super) struct Recorder {
    calls: Arc<dyn Calls>,
    /// Calls that were told.
    told: u64,
    /// What the last call gave, if it has not been told.
    gave: Option<Gave>,
    /// Why the run ends: something could not be kept.
    failed: Option<Fault>,
}

impl Recorder {
    /// The recorder of a run that begins now, if the job has somebody who only keeps.
    pub(super) fn of(job: &Job) -> Result<Option<Recorder>, Fault> {
        let calls = job.calls.as_ref().filter(|calls| !calls.decides());
        let Some(calls) = calls.map(Arc::clone) else {
            return Ok(None);
        };
        calls.begin().map_err(ended)?;
        Ok(Some(Recorder {
            calls,
            told: 0,
            gave: None,
            failed: None,
        }))
    }

    /// Takes note of what a call gave. What the one before gave has been told.
    pub(super) fn note(&mut self, gave: Gave) {
        self.gave = Some(gave);
    }

    /// Prepares for the next call: how long to wait, once it is computed, before telling what the last one gave. None
    /// if there is nothing to tell.
    pub(super) fn prepare(&mut self) -> Option<Duration> {
        if self.bytes() > BESIDE_BYTES_MAX {
            self.tell();
        }
        self.gave.as_ref().map(|_| patience(self.bytes()))
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_told(&self) -> bool {
        self.gave.is_none()
    }

    fn bytes(&self) -> u64 {
        self.gave.as_ref().map_or(0, |gave| gave.given.bytes())
    }

    /// Tells what the last call gave, unless that is told already. That it cannot be kept is said by
    /// [`Recorder::settle`].
    pub(super) fn tell(&mut self) {
        if let Some(gave) = self.gave.take()
            && self.failed.is_none()
        {
            self.failed = self.record(gave).err();
        }
    }

    /// Has all told, and says whether it could be kept.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        self.tell();
        self.failed.take().map_or(Ok(()), Err)
    }

    fn record(&mut self, gave: Gave) -> Result<(), Fault> {
        let given = gave.given.given()?;
        let call = ModelCall {
            number: self.told,
            model: gave.model,
            outputs: &gave.outputs,
        };
        self.told += 1;
        self.calls.computed(&call, &given).map_err(ended)
    }
}

fn ended(EndRun(reason): EndRun) -> Fault {
    Fault::Host(reason)
}
