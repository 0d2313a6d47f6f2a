//! What an embedder sees of a run's calls on models, and answers in the models' place: how a provider keeps
//! what models gave, and how a replay gives it again. Never charges, and computes nothing itself.
//!
//! [`Interposed`] stands between a run and whoever keeps its models. It knows of the run no more than the
//! calls in their order, so it works wherever these come by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use meterbox_inference::{Cost, InputShape, Tensor};

use super::{
    Answer, Computation, Denied, Device, ModelFacts, Models, NnCode, OpenModel, Source, Tensors,
};
use crate::tally::HostEnd;

/// What a call gave: its outputs by name in the model's order, or the code that the guest got.
pub type Given = Result<Vec<(String, Tensor)>, NnCode>;

/// A call that has been charged, and is to be computed.
#[derive(Debug, Clone, Copy)]
pub struct ModelCall<'c> {
    /// Its number among the run's calls, from 0. Calls that are refused before they are charged have none:
    /// the model and the shapes alone decide them.
    pub number: u64,
    /// The sha256 of the model.
    pub model: [u8; 32],
    /// The names of the model's outputs, in its order.
    pub outputs: &'c [String],
}

/// What is to become of a call.
#[derive(Debug)]
pub enum Plan {
    /// It is computed, and what it gives goes to the guest.
    Compute,
    /// Nothing is computed: this goes to the guest.
    Give(Given),
    /// It is computed, and [`Calls::compared`] is told. What goes to the guest is this, all the same.
    Compare(Given),
}

/// Of which calls an embedder may want that they are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Computes {
    /// Of each: a model that cannot be opened on its device cannot be opened.
    All,
    /// Of some: that a model's device is not there matters once there is something to compute.
    Some,
    /// Of none.
    None,
}

/// Why an embedder ends a run. It is a failure of the host, in these words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EndRun(pub String);

impl From<EndRun> for HostEnd {
    fn from(end: EndRun) -> HostEnd {
        HostEnd::Fault(end.0)
    }
}

/// Whoever sees a run's calls on models. Called by one call at a time, in their order, with one call's
/// tensors in memory.
pub trait Calls: Send + Sync {
    /// The run begins. It may begin again, when the worker that it was in has died: what was told of it
    /// before no longer holds.
    ///
    /// # Errors
    /// Ends the run.
    fn begin(&self) -> Result<(), EndRun> {
        Ok(())
    }

    /// Whether it may decide what becomes of calls. One that does not is asked for no plan and compares nothing: it is
    /// told what was computed, where it can be beside the run.
    fn decides(&self) -> bool {
        true
    }

    /// Which calls it may want to have computed.
    fn computes(&self) -> Computes {
        Computes::All
    }

    /// What is to become of a call with these inputs.
    ///
    /// # Errors
    /// Ends the run.
    fn plan(&self, _call: &ModelCall<'_>, _inputs: &[(String, Tensor)]) -> Result<Plan, EndRun> {
        Ok(Plan::Compute)
    }

    /// What a call gave that was computed for the guest.
    ///
    /// # Errors
    /// Ends the run.
    fn computed(&self, _call: &ModelCall<'_>, _given: &Given) -> Result<(), EndRun> {
        Ok(())
    }

    /// What a call gave that was computed to be compared with what goes to the guest.
    ///
    /// # Errors
    /// Ends the run.
    fn compared(
        &self,
        _call: &ModelCall<'_>,
        _given: &Given,
        _computed: &Given,
    ) -> Result<(), EndRun> {
        Ok(())
    }
}

/// Models whose calls come by an embedder. For one run.
pub(crate) struct Interposed {
    models: Arc<dyn Models>,
    calls: Arc<dyn Calls>,
    next: Arc<AtomicU64>,
}

impl Interposed {
    /// The models of a run that begins now.
    pub(crate) fn begin(
        models: Arc<dyn Models>,
        calls: Arc<dyn Calls>,
    ) -> Result<Interposed, EndRun> {
        calls.begin()?;
        Ok(Interposed {
            models,
            calls,
            next: Arc::default(),
        })
    }
}

impl Models for Interposed {
    fn open(&self, source: &Source<'_>, device: Device) -> Answer<Arc<dyn OpenModel>> {
        let computes = self.calls.computes();
        let opened = match computes {
            Computes::All => self.models.open(source, device)?,
            Computes::Some | Computes::None => self.models.open_for_costs(source)?,
        };
        let costs = match opened {
            Ok(costs) => costs,
            Err(denied) => return Ok(Err(denied)),
        };
        let computes = match computes {
            Computes::All => Some(Ok(Ok(Arc::clone(&costs)))),
            Computes::Some => Some(self.models.open(source, device)),
            Computes::None => None,
        };
        Ok(Ok(Arc::new(Seen {
            costs,
            computes,
            calls: Arc::clone(&self.calls),
            next: Arc::clone(&self.next),
        })))
    }

    fn open_for_costs(&self, source: &Source<'_>) -> Answer<Arc<dyn OpenModel>> {
        self.models.open_for_costs(source)
    }

    fn keep(&self, data: &[u8]) -> Bytes {
        self.models.keep(data)
    }
}

/// A model whose calls come by.
struct Seen {
    /// Says what calls cost.
    costs: Arc<dyn OpenModel>,
    /// Computes them, if it could be opened on the device that it is to be computed on. That it could not
    /// matters once there is something to compute.
    computes: Option<Answer<Arc<dyn OpenModel>>>,
    calls: Arc<dyn Calls>,
    next: Arc<AtomicU64>,
}

impl Seen {
    fn computed(&self, call: Computation<'_>) -> Answer<Tensors> {
        match &self.computes {
            Some(Ok(Ok(model))) => model.compute(call),
            Some(Ok(Err(denied))) => {
                (call.meanwhile)(&call.inputs);
                Ok(Err(denied.clone()))
            }
            Some(Err(end)) => Err(end.clone()),
            None => Err(HostEnd::Fault(
                "a call was to be computed of which it was said that none would be".into(),
            )),
        }
    }
}

impl OpenModel for Seen {
    fn facts(&self) -> &ModelFacts {
        self.costs.facts()
    }

    fn cost(&self, inputs: &[InputShape<'_>]) -> Answer<Cost> {
        self.costs.cost(inputs)
    }

    fn compute(&self, call: Computation<'_>) -> Answer<Tensors> {
        let facts = self.facts();
        let about = ModelCall {
            number: self.next.fetch_add(1, Ordering::Relaxed),
            model: facts.sha256,
            outputs: &facts.outputs,
        };
        match self.calls.plan(&about, &call.inputs)? {
            Plan::Compute => {
                let (given, reason) = told(self.computed(call)?);
                self.calls.computed(&about, &given)?;
                Ok(given.map_err(|code| Denied { code, reason }))
            }
            Plan::Give(given) => {
                (call.meanwhile)(&call.inputs);
                Ok(recorded(given))
            }
            Plan::Compare(given) => {
                let (computed, _) = told(self.computed(call)?);
                self.calls.compared(&about, &given, &computed)?;
                Ok(recorded(given))
            }
        }
    }
}

/// What an embedder is told, and the words that are for whoever runs the provider.
fn told(computed: Result<Tensors, Denied>) -> (Given, String) {
    match computed {
        Ok(outputs) => (Ok(outputs), String::new()),
        Err(denied) => (Err(denied.code), denied.reason),
    }
}

fn recorded(given: Given) -> Result<Tensors, Denied> {
    given.map_err(|code| Denied {
        code,
        reason: "so it was when the job was run first".into(),
    })
}

#[cfg(test)]
mod tests;
