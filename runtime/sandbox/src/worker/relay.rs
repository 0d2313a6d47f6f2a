//! What a run asks of models, passed on to the process that keeps them. Believes neither: a runner reaches
//! only models that it has brought, and tensors pass in memory that this process does not read.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::InferenceEngine;
use super::attempt::Order;
use super::shelf::{Question, Shelved, Slot, Unanswered};
use super::wire::{FromInference, Nonsense, ToInference};
use crate::host::wide;
use crate::job::Blob;
use crate::models::exchange::{CALL_BYTES_MAX, ExchangeFile};
use crate::models::wire::{Answered, Ask, Content, TensorPart, is_laid_out};
use crate::models::{Denied, Device, ModelFacts};
use crate::outcome::{Fault, Refusal};
use crate::run::RunError;
use crate::stop::Stopper;

/// How often a model is opened again for one question: its process may have forgotten it, or died.
const REOPENINGS_MAX: usize = 3;

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Why a run gets no answer.
pub(super) enum End {
    /// It is to stop.
    Stopped(Stopper),
    /// The runner does not do what it should.
    Nonsense(Nonsense),
    /// The run is refused, or the host failed.
    Run(RunError),
    /// The host failed, as it would again.
    Final(Fault),
}

impl From<Nonsense> for End {
    fn from(nonsense: Nonsense) -> End {
        End::Nonsense(nonsense)
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> End {
        End::Run(fault.into())
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> End {
        Fault::from(error).into()
    }
}

impl From<Unanswered> for End {
    fn from(unanswered: Unanswered) -> End {
        match unanswered {
            Unanswered::Stopped(by) => End::Stopped(by),
            Unanswered::Fault(fault) => fault.into(),
            Unanswered::TooLong(fault) => End::Final(fault),
        }
    }
}

/// A model that the run has opened, and where its bytes are, should it have to be opened again.
#[derive(Clone)]
struct Opened {
    sha256: [u8; 32],
    content: Bytes,
    slot: Arc<Slot>,
    /// Why its results may differ in bits, wherever it is computed.
    not_bit_exact: Option<String>,
}

#[derive(Clone)]
enum Bytes {
    /// In the file of an input.
    Input(usize),
    /// In a file of their own.
    Copy(Arc<File>),
}

/// One run's side of the models.
pub(super) struct Relay<'o> {
    order: &'o Order<'o>,
    exchange: Option<(u64, ExchangeFile)>,
    opened: Vec<Opened>,
    /// Bytes of models that the guest brought itself, of which there are copies.
    copied_bytes: u64,
    /// What has answered last.
    engine: RefCell<Option<InferenceEngine>>,
}

impl<'o> Relay<'o> {
    pub(super) fn new(order: &'o Order<'o>) -> Relay<'o> {
        Relay {
            order,
            exchange: None,
            opened: Vec::new(),
            copied_bytes: 0,
            engine: RefCell::new(None),
        }
    }

    /// What has computed with the run's models; none if it had none.
    pub(super) fn engine(&self) -> Option<InferenceEngine> {
        self.engine.borrow().clone()
    }

    /// Takes note of what has computed. A reason that results may differ is never forgotten.
    fn computed_by(&self, mut engine: InferenceEngine, model: &Opened) {
        if engine.not_bit_exact.is_none() {
            engine.not_bit_exact.clone_from(&model.not_bit_exact);
        }
        let mut known = self.engine.borrow_mut();
        if known
            .as_ref()
            .is_none_or(|known| known.not_bit_exact.is_none())
        {
            *known = Some(engine);
        }
    }

    /// The file that comes along with an answer.
    pub(super) fn file(&self, answered: &Answered) -> Option<&File> {
        match (answered, &self.exchange) {
            (Answered::Exchange, Some((_, exchange))) => Some(&exchange.0),
            _ => None,
        }
    }

    /// Answers a question of the run's.
    pub(super) fn answer(&mut self, ask: Ask) -> Result<Answered, End> {
        match ask {
            Ask::Exchange => {
                if self.exchange.is_none() {
                    let number = self.order.pool.shelf().number();
                    self.exchange = Some((number, ExchangeFile::new()?));
                }
                Ok(Answered::Exchange)
            }
            Ask::Open {
                content,
                sha256,
                device,
            } => self.open(content, sha256, device),
            Ask::Cost { model, shapes } => {
                let model = self.opened(model)?;
                let sha256 = model.sha256;
                match self.ask(&model, &ToInference::Cost { sha256, shapes })? {
                    FromInference::Costs(costs) => Ok(Answered::Costs(costs)),
                    _ => Err(confused()),
                }
            }
            Ask::Compute { model, inputs } => self.compute(model, inputs),
        }
    }

    fn exchange(&self) -> Result<&(u64, ExchangeFile), Nonsense> {
        let exchange = self.exchange.as_ref();
        exchange.ok_or(Nonsense("a run has no memory for tensors"))
    }

    fn opened(&self, model: u32) -> Result<Opened, Nonsense> {
        let model = usize::try_from(model).ok();
        let opened = model.and_then(|model| self.opened.get(model));
        opened.cloned().ok_or(Nonsense("a run has no such model"))
    }

    fn open(
        &mut self,
        content: Content,
        sha256: [u8; 32],
        device: Device,
    ) -> Result<Answered, End> {
        if !self.order.pool.has_device(device) {
            return Err(End::Run(Refusal::NoDevice.into()));
        }
        let limits = self.order.limits;
        if wide(self.opened.len()) >= limits.host_calls {
            return Err(Nonsense("a run opens more models than it may").into());
        }
        let is_input = matches!(content, Content::Input(_));
        let content = match content {
            Content::Input(number) => {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                let input = self.order.job.inputs.get(number);
                let input = input.ok_or(Nonsense("a run has no such input"))?;
                if input.sha256 != sha256 {
                    return Err(Nonsense("an input has another digest").into());
                }
                match (input.blob.file(), self.copied(sha256)) {
                    (Some(_), _) => Bytes::Input(number),
                    (None, Some(copy)) => copy,
                    (None, None) => Bytes::Copy(Arc::new(copy_of_blob(&*input.blob)?)),
                }
            }
            Content::Exchange { bytes } => self.brought(bytes, sha256)?,
        };
        let job = self.order.job;
        // What a guest brings itself is its own, whatever its digest.
        let shelved = match content {
            _ if is_input && job.public_models.contains(&sha256) => Shelved::Public(device, sha256),
            _ => Shelved::Owner(device, job.owner),
        };
        let model = Opened {
            sha256,
            content,
            slot: self.order.pool.shelf().slot(shelved),
            not_bit_exact: None,
        };
        let facts = self.put(&model)?;
        if let Ok(facts) = &facts {
            let not_bit_exact = facts.not_bit_exact.clone();
            self.opened.push(Opened {
                not_bit_exact,
                ..model
            });
        }
        Ok(Answered::Opened(facts))
    }

    /// The copy of a model that was opened before.
    fn copied(&self, sha256: [u8; 32]) -> Option<Bytes> {
        let opened = self
            .opened
            .iter()
            .find(|one| one.sha256 == sha256 && matches!(one.content, Bytes::Copy(_)));
        opened.map(|one| one.content.clone())
    }

    /// A file with the first bytes of the exchange, which have to have this digest.
    fn brought(&mut self, bytes: u64, sha256: [u8; 32]) -> Result<Bytes, End> {
        if let Some(copy) = self.copied(sha256) {
            // It has these bytes, whatever lies in the exchange.
            return Ok(copy);
        }
        self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        if self.copied_bytes > self.order.limits.model_bytes || bytes > CALL_BYTES_MAX {
            return Err(Nonsense("a run brings more models than it may").into());
        }
        let (_, exchange) = self.exchange()?;
        let read = |offset, piece: &mut [u8]| exchange.0.read_exact_at(piece, offset);
        let (copy, digest) = copy(bytes, read)?;
        exchange.release(bytes)?;
        if digest != sha256 {
            return Err(Nonsense("a model has another digest than its own").into());
        }
        Ok(Bytes::Copy(Arc::new(copy)))
    }

    /// Has the process of a model open it.
    fn put(&self, model: &Opened) -> Result<Result<ModelFacts, Denied>, End> {
        let sha256 = model.sha256;
        let file = match &model.content {
            Bytes::Copy(file) => Some(&**file),
            Bytes::Input(number) => {
                let input = self.order.job.inputs.get(*number);
                input.and_then(|input| input.blob.file())
            }
        };
        let file = file.ok_or(Nonsense("an input has no file any more"))?;
        match self.ask_once(model, &ToInference::Open { sha256 }, Some(file))? {
            FromInference::Opened {
                facts: Ok(facts), ..
            } if facts.sha256 != sha256 => Err(confused()),
            FromInference::Opened { facts, is_new } => {
                if is_new {
                    self.order.pool.shelf().count_loaded();
                }
                Ok(facts)
            }
            _ => Err(confused()),
        }
    }

    fn compute(&mut self, model: u32, inputs: Vec<TensorPart>) -> Result<Answered, End> {
        if !is_laid_out(&inputs) {
            return Err(Nonsense("tensors lie where there is no room").into());
        }
        let model = self.opened(model)?;
        let sha256 = model.sha256;
        let answer = self.ask(&model, &ToInference::Compute { sha256, inputs })?;
        let FromInference::Computed(computed) = answer else {
            return Err(confused());
        };
        if let Ok(outputs) = &computed
            && !is_laid_out(outputs)
        {
            return Err(confused());
        }
        Ok(Answered::Computed(computed))
    }

    /// Asks, and opens the model again if its process has forgotten it.
    fn ask(&self, model: &Opened, message: &ToInference) -> Result<FromInference, End> {
        for _ in 0..REOPENINGS_MAX {
            match self.ask_once(model, message, None)? {
                FromInference::Gone => {}
                answer => return Ok(answer),
            }
            if let Err(denied) = self.put(model)? {
                let why = format!("a model was opened, and then refused: {}", denied.reason);
                return Err(Fault::Inference(why).into());
            }
        }
        let why = "a model is forgotten as soon as it is opened";
        Err(Fault::Inference(why.into()).into())
    }

    fn ask_once(
        &self,
        model: &Opened,
        message: &ToInference,
        file: Option<&File>,
    ) -> Result<FromInference, End> {
        let (number, exchange) = self.exchange()?;
        let question = Question {
            message,
            file: file.map(AsFd::as_fd),
            exchange: (*number, exchange.0.as_fd()),
        };
        let pool = self.order.pool;
        let device = model.slot.device;
        let fork = |_, limits: &_| pool.fork_inference(device, limits);
        let stop = || self.order.stopped();
        let (answer, engine) = pool.shelf().ask(&model.slot, &question, &fork, &stop)?;
        if let FromInference::Computed(_) = answer {
            self.computed_by(engine, model);
        }
        match answer {
            FromInference::Failed(why) => Err(Fault::Inference(why).into()),
            FromInference::Unable(why) => Err(End::Run(Refusal::Model(why).into())),
            answer => Ok(answer),
        }
    }
}

/// A file with what a blob holds.
fn copy_of_blob(blob: &dyn Blob) -> std::io::Result<File> {
    let (file, _) = copy(blob.size(), |offset, piece| blob.read_at(offset, piece))?;
    Ok(file)
}

/// A file with so many bytes, as they are read from each offset, and their digest.
fn copy(
    bytes: u64,
    read: impl Fn(u64, &mut [u8]) -> std::io::Result<()>,
) -> std::io::Result<(File, [u8; 32])> {
    let copy = tempfile::tempfile()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let left = usize::try_from(bytes - offset).unwrap_or(usize::MAX);
        let piece = buffer.get_mut(..left.min(COPY_BYTES)).unwrap_or_default();
        read(offset, piece)?;
        hasher.update(&piece);
        copy.write_all_at(piece, offset)?;
        offset += wide(piece.len());
    }
    Ok((super::cache::read_only(&copy)?, hasher.finalize().into()))
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        if let Some((_, exchange)) = &self.exchange {
            // The process that has it mapped still keeps none of it. What cannot be given back goes with it.
            let _ = exchange.release(u64::MAX);
        }
    }
}

/// An inference worker that answers something else than it was asked.
fn confused() -> End {
    let why = "it answers something else than it was asked";
    Fault::Inference(why.into()).into()
}
