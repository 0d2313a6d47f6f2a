//! Models that another process keeps, seen from a run. Asks one thing at a time, and waits for the answer.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meterbox_inference::{Cost, InputShape};

use super::exchange::Exchange;
use super::wire::{Answered, Ask, Content, Opened, ShapePart, cost_of, put, take};
use super::{Answer, Denied, Device, ModelFacts, Models, OpenModel, Source, Tensors};
use crate::host::wide;
use crate::job::Input;
use crate::models::NnCode;
use crate::tally::HostEnd;

/// Costs that are remembered of each model: a job computes with one or two shapes.
const COSTS_MAX: usize = 64;

/// The way to whoever answers.
pub(crate) trait Line: Send + Sync {
    /// Asks. In words, why that cannot be.
    fn ask(&self, ask: &Ask) -> Result<(), String>;

    /// Waits for the answer to what was asked last. With it may come a file.
    fn answer(&self) -> Result<(Answered, Option<File>), String>;
}

fn ask(line: &dyn Line, ask: &Ask) -> Result<(Answered, Option<File>), HostEnd> {
    line.ask(ask).map_err(silent)?;
    line.answer().map_err(silent)
}

/// The models of one run.
pub(crate) struct Remote {
    line: Arc<dyn Line>,
    /// Of which inputs are named by their number.
    inputs: Vec<[u8; 32]>,
    /// The memory that tensors are handed over in, one for each process that computes for the run: none sees what
    /// another is given.
    exchanges: Mutex<Vec<Arc<Exchange>>>,
    opened: Mutex<u32>,
}

struct RemoteModel {
    number: u32,
    facts: ModelFacts,
    line: Arc<dyn Line>,
    exchange: Arc<Exchange>,
    costs: Mutex<HashMap<Vec<ShapePart>, Cost>>,
}

impl Remote {
    pub(crate) fn new(line: Arc<dyn Line>, inputs: &[Input]) -> Remote {
        Remote {
            line,
            inputs: inputs.iter().map(|input| input.sha256).collect(),
            exchanges: Mutex::default(),
            opened: Mutex::new(0),
        }
    }

    /// The first memory, in which models are handed over that the guest brings.
    fn first_exchange(&self) -> Result<Arc<Exchange>, HostEnd> {
        if let Some(first) = locked(&self.exchanges).first() {
            return Ok(Arc::clone(first));
        }
        match ask(&*self.line, &Ask::Exchange)? {
            (Answered::Exchange, Some(file)) => self.exchange(0, Some(&file)),
            (Answered::Stopped(by), _) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }

    /// The memory of this number, which the file is if it is new.
    fn exchange(&self, number: u32, file: Option<&File>) -> Result<Arc<Exchange>, HostEnd> {
        let number = usize::try_from(number).map_err(|_| confused())?;
        let mut exchanges = locked(&self.exchanges);
        if let Some(exchange) = exchanges.get(number) {
            return Ok(Arc::clone(exchange));
        }
        let file = file.filter(|_| number == exchanges.len());
        let exchange = Exchange::open(file.ok_or_else(confused)?).map_err(|error| {
            HostEnd::Fault(format!("the memory for tensors cannot be used: {error}"))
        })?;
        let exchange = Arc::new(exchange);
        exchanges.push(Arc::clone(&exchange));
        Ok(exchange)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn confused() -> HostEnd {
    HostEnd::Fault("what keeps models answers something else than it was asked".into())
}

fn silent(reason: String) -> HostEnd {
    HostEnd::Fault(format!("what keeps models does not answer: {reason}"))
}

impl Models for Remote {
    fn open(&self, source: &Source<'_>, device: Device) -> Answer<Arc<dyn OpenModel>> {
        let first = self.first_exchange()?;
        let (content, sha256) = match source {
            Source::Input(input) => {
                let number = self.inputs.iter().position(|one| *one == input.sha256);
                let number = number.and_then(|number| u32::try_from(number).ok());
                (Content::Input(number.ok_or_else(confused)?), input.sha256)
            }
            Source::Given { sha256, bytes } => {
                let content = Content::Exchange {
                    bytes: wide(bytes.len()),
                };
                let too_large = || HostEnd::Limit("model_bytes");
                first.write(0, bytes).map_err(|_| too_large())?;
                (content, *sha256)
            }
        };
        let open = Ask::Open {
            content,
            sha256,
            device,
        };
        let (answered, file) = ask(&*self.line, &open)?;
        match answered {
            Answered::Opened(Ok(Opened { facts, exchange })) => {
                let exchange = self.exchange(exchange, file.as_ref())?;
                let mut opened = locked(&self.opened);
                let number = *opened;
                *opened = number.checked_add(1).ok_or_else(confused)?;
                Ok(Ok(Arc::new(RemoteModel {
                    number,
                    facts,
                    line: Arc::clone(&self.line),
                    exchange,
                    costs: Mutex::default(),
                })))
            }
            Answered::Opened(Err(denied)) => Ok(Err(denied)),
            Answered::NoDevice => Err(HostEnd::NoDevice),
            Answered::Unable(reason) => Err(HostEnd::Unable(reason)),
            Answered::Stopped(by) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }
}

impl OpenModel for RemoteModel {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn cost(&self, inputs: &[InputShape<'_>]) -> Answer<Cost> {
        let shapes: Vec<ShapePart> = inputs.iter().map(ShapePart::of).collect();
        let known = |costs: &HashMap<_, Cost>| costs.get(&shapes).copied();
        if let Some(cost) = known(&locked(&self.costs)) {
            return Ok(Ok(cost));
        }
        let question = Ask::Cost {
            model: self.number,
            shapes: shapes.clone(),
        };
        match ask(&*self.line, &question)?.0 {
            Answered::Costs(Ok(cost)) => {
                let cost = cost_of(cost);
                let mut costs = locked(&self.costs);
                if costs.len() < COSTS_MAX {
                    costs.insert(shapes, cost);
                }
                Ok(Ok(cost))
            }
            Answered::Costs(Err(denied)) => Ok(Err(denied)),
            Answered::NoDevice => Err(HostEnd::NoDevice),
            Answered::Unable(reason) => Err(HostEnd::Unable(reason)),
            Answered::Stopped(by) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }

    fn compute(&self, inputs: Tensors, meanwhile: &mut dyn FnMut(&Tensors)) -> Answer<Tensors> {
        let Some(parts) = put(&self.exchange, &inputs) else {
            return Ok(Err(Denied {
                code: NnCode::TooLarge,
                reason: "its inputs are too large to be handed over".into(),
            }));
        };
        let order = Ask::Compute {
            model: self.number,
            inputs: parts,
        };
        self.line.ask(&order).map_err(silent)?;
        meanwhile(&inputs);
        drop(inputs);
        match self.line.answer().map_err(silent)?.0 {
            Answered::Computed(Ok(parts)) => {
                Ok(Ok(take(&self.exchange, parts).ok_or_else(confused)?))
            }
            Answered::Computed(Err(denied)) => Ok(Err(denied)),
            Answered::NoDevice => Err(HostEnd::NoDevice),
            Answered::Unable(reason) => Err(HostEnd::Unable(reason)),
            Answered::Stopped(by) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }
}
