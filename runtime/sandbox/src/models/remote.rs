//! Models that another process keeps, seen from a run. Asks one thing at a time, and waits for the answer.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use meterbox_inference::{Cost, InputShape};

use super::exchange::Exchange;
use super::wire::{Answered, Ask, Content, ShapePart, cost_of, put, take};
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

fn ask(line: &dyn Line, ask: &Ask) -> Result<Answered, HostEnd> {
    line.ask(ask).map_err(silent)?;
    Ok(line.answer().map_err(silent)?.0)
}

/// The models of one run.
pub(crate) struct Remote {
    line: Arc<dyn Line>,
    /// Of which inputs are named by their number.
    inputs: Vec<[u8; 32]>,
    exchange: OnceLock<Arc<Exchange>>,
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
            exchange: OnceLock::new(),
            opened: Mutex::new(0),
        }
    }

    fn exchange(&self) -> Result<Arc<Exchange>, HostEnd> {
        if let Some(exchange) = self.exchange.get() {
            return Ok(Arc::clone(exchange));
        }
        let fault = |reason: String| {
            HostEnd::Fault(format!(
                "there is no memory to hand tensors over in: {reason}"
            ))
        };
        self.line.ask(&Ask::Exchange).map_err(fault)?;
        let file = match self.line.answer().map_err(fault)? {
            (Answered::Exchange, Some(file)) => file,
            (Answered::Stopped(by), _) => return Err(HostEnd::Stopped(by)),
            _ => return Err(fault("the answer is another".into())),
        };
        let exchange = Exchange::open(&file).map_err(|error| fault(error.to_string()))?;
        Ok(Arc::clone(self.exchange.get_or_init(|| Arc::new(exchange))))
    }
}

fn confused() -> HostEnd {
    HostEnd::Fault("what keeps models answers something else than it was asked".into())
}

fn silent(reason: String) -> HostEnd {
    HostEnd::Fault(format!("what keeps models does not answer: {reason}"))
}

impl Models for Remote {
    fn open(&self, source: &Source<'_>, device: Device) -> Answer<Arc<dyn OpenModel>> {
        let exchange = self.exchange()?;
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
                exchange.write(0, bytes).map_err(|_| too_large())?;
                (content, *sha256)
            }
        };
        let open = Ask::Open {
            content,
            sha256,
            device,
        };
        match ask(&*self.line, &open)? {
            Answered::Opened(Ok(facts)) => {
                let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
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
        let lock = || self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cost) = known(&lock()) {
            return Ok(Ok(cost));
        }
        let question = Ask::Cost {
            model: self.number,
            shapes: shapes.clone(),
        };
        match ask(&*self.line, &question)? {
            Answered::Costs(Ok(cost)) => {
                let cost = cost_of(cost);
                let mut costs = lock();
                if costs.len() < COSTS_MAX {
                    costs.insert(shapes, cost);
                }
                Ok(Ok(cost))
            }
            Answered::Costs(Err(denied)) => Ok(Err(denied)),
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
            Answered::Stopped(by) => Err(HostEnd::Stopped(by)),
            _ => Err(confused()),
        }
    }
}
