//! What a run asks of models, passed on to the process that keeps them. Believes neither: a runner reaches
//! only models that it has brought, and tensors pass in memory that this process reads for whoever keeps them alone.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meterbox_isolation::FRAME_BYTES_MAX;

use super::InferenceEngine;
use super::affinity::Together;
use super::attempt::Order;
use super::copies::copy;
use super::recorder::{Gave, Recorder, Where};
use super::shelf::{Meanwhile, Question, Shelved, Slot, Unanswered};
use super::wire::{FromInference, Nonsense, ToInference};
use crate::host::wide;
use crate::job::Blob;
use crate::models::exchange::{
    CALL_BYTES_MAX, CALL_ROOM, Exchange, ExchangeFile, KEPT_BYTES_MAX, Room,
};
use crate::models::wire::{self, Answered, Ask, Content, ShapePart, TensorPart, end_of, laid_out};
use crate::models::{Denied, Device, ModelFacts};
use crate::outcome::{Fault, Refusal};
use crate::run::RunError;
use crate::stop::Stopper;

/// How often a model is opened again for one question: its process may have forgotten it, or died.
const REOPENINGS_MAX: usize = 3;

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
            Unanswered::Unable(why) => End::Run(Refusal::Model(why).into()),
        }
    }
}

/// A model that the run has opened, and where its bytes are, should it have to be opened again.
#[derive(Clone)]
struct Opened {
    sha256: [u8; 32],
    content: Bytes,
    /// Which process has it.
    shelved: Shelved,
    /// Where among the run's exchanges that process's is.
    exchange: usize,
    /// The names of its outputs.
    outputs: Arc<[String]>,
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

/// The memory in which the run and one process hand tensors over.
struct Handover {
    /// Which process.
    shelved: Shelved,
    /// The shelf's number for it.
    number: u64,
    file: ExchangeFile,
    /// Bytes that the largest call took, of what is free between calls, since they were given back.
    bytes: u64,
    /// Where whoever keeps the calls reads it.
    seen: Option<Arc<Exchange>>,
}

/// One run's side of the models.
pub(super) struct Relay<'o> {
    order: &'o Order<'o>,
    /// The first is the owner's, on the job's device.
    exchanges: Vec<Handover>,
    /// Which of them was used last.
    last: usize,
    /// Which of them is new with the last answer.
    is_new: Option<usize>,
    opened: Vec<Opened>,
    /// Bytes of models that the guest brought itself, of which there are copies.
    copied_bytes: u64,
    /// What has answered last.
    engine: RefCell<Option<InferenceEngine>>,
    /// The process that was asked last: it is not ended between two questions of a run.
    slot: RefCell<Option<(Shelved, Arc<Slot>)>>,
    /// Tells whoever keeps the calls what they gave.
    recorder: Option<RefCell<Recorder>>,
    together: Together,
}

impl<'o> Relay<'o> {
    pub(super) fn new(order: &'o Order<'o>) -> Result<Relay<'o>, Fault> {
        Ok(Relay {
            order,
            exchanges: Vec::new(),
            last: 0,
            is_new: None,
            opened: Vec::new(),
            copied_bytes: 0,
            engine: RefCell::new(None),
            slot: RefCell::new(None),
            recorder: Recorder::of(order.job)?.map(RefCell::new),
            together: Together::default(),
        })
    }

    /// The processor on which the run's calls take their turns.
    pub(super) fn together(&self) -> &Together {
        &self.together
    }

    /// Has whoever keeps the calls told of the last one, if it is to be.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        let recorder = self.recorder.as_mut().map(RefCell::get_mut);
        recorder.map_or(Ok(()), |recorder| match recorder.is_told() {
            true => recorder.settle(),
            false => self.together.as_found(|| recorder.settle()),
        })
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

    /// The file that comes along with the last answer.
    pub(super) fn file(&self) -> Option<&File> {
        let handover = self.exchanges.get(self.is_new?);
        handover.map(|handover| &handover.file.0)
    }

    /// Answers a question of the run's.
    pub(super) fn answer(&mut self, ask: Ask) -> Result<Answered, End> {
        self.is_new = None;
        match ask {
            Ask::Exchange => {
                let job = self.order.job;
                let device = job.replay_device.unwrap_or(job.device);
                self.exchange_for(Shelved::Owner(device, job.owner))?;
                Ok(Answered::Exchange)
            }
            Ask::Open {
                content,
                sha256,
                device,
            } => self.open(content, sha256, device),
            Ask::Cost { model, shapes } => {
                if !shapes.iter().all(|shape| ShapePart::shape(shape).is_some()) {
                    return Err(Nonsense("a shape is none").into());
                }
                let model = self.opened(model)?;
                let sha256 = model.sha256;
                match self.ask(&model, &ToInference::Cost { sha256, shapes }, None)? {
                    FromInference::Costs(costs) => Ok(Answered::Costs(costs)),
                    _ => Err(confused()),
                }
            }
            Ask::Compute {
                model,
                inputs,
                room,
            } => self.compute(model, inputs, room),
        }
    }

    fn exchange(&self, at: usize) -> Result<&Handover, Nonsense> {
        let handover = self.exchanges.get(at);
        handover.ok_or(Nonsense("a run has no memory for tensors"))
    }

    /// Which exchange is this process's. Made when it is asked for first.
    fn exchange_for(&mut self, shelved: Shelved) -> Result<usize, End> {
        let known = self.exchanges.iter().position(|one| one.shelved == shelved);
        if let Some(at) = known {
            return Ok(at);
        }
        let at = self.exchanges.len();
        self.exchanges.push(Handover {
            shelved,
            number: self.order.pool.shelf().number(),
            file: ExchangeFile::new()?,
            bytes: 0,
            seen: None,
        });
        self.is_new = Some(at);
        Ok(at)
    }

    /// Takes note of where a call's tensors end in an exchange. What calls took of another one is given back, unless it
    /// is little: it has been read. What the run keeps there is its own affair.
    fn used(&mut self, at: usize, end: u64) -> Result<(), End> {
        let bytes = end.saturating_sub(CALL_ROOM.at);
        if self.last != at
            && let Some(last) = self.exchanges.get_mut(self.last)
            && last.bytes > KEPT_BYTES_MAX
        {
            last.file.release_calls()?;
            last.bytes = 0;
        }
        self.last = at;
        if let Some(handover) = self.exchanges.get_mut(at) {
            handover.bytes = handover.bytes.max(bytes);
        }
        Ok(())
    }

    /// The process that has these models. One is kept for the run, and others may make room between its questions.
    fn slot(&self, shelved: Shelved) -> Arc<Slot> {
        let mut kept = self.slot.borrow_mut();
        if let Some((of, slot)) = &*kept
            && *of == shelved
        {
            return Arc::clone(slot);
        }
        *kept = None;
        let slot = self.order.pool.shelf().slot(shelved);
        *kept = Some((shelved, Arc::clone(&slot)));
        slot
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
        // It takes long, and may read what an embedder has.
        self.together.let_go();
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
                    (None, None) => self.copy_of(&*input.blob)?,
                }
            }
            Content::Exchange { bytes } => self.brought(bytes, sha256)?,
        };
        let job = self.order.job;
        // What a guest brings itself is its own, whatever its digest.
        let public = (is_input && job.public_models.contains(&sha256)).then_some(sha256);
        let shelved = match public {
            Some(sha256) => Shelved::Public(device, sha256),
            None => Shelved::Owner(device, job.owner),
        };
        if self.exchanges.is_empty() {
            return Err(Nonsense("a run has no memory for models yet").into());
        }
        let exchange = self.exchange_for(shelved)?;
        let model = Opened {
            sha256,
            content,
            shelved,
            exchange,
            outputs: Arc::default(),
            not_bit_exact: None,
        };
        let facts = match self.put(&model) {
            Ok(Ok(facts)) => facts,
            other => {
                // The run is told of no memory, so there is none.
                if self.is_new.take().is_some() {
                    self.exchanges.pop();
                }
                let denied = other?.map(|facts| wire::Opened { facts, exchange: 0 });
                return Ok(Answered::Opened(denied));
            }
        };
        self.opened.push(Opened {
            outputs: facts.outputs.clone().into(),
            not_bit_exact: facts.not_bit_exact.clone(),
            ..model
        });
        let exchange = u32::try_from(exchange).map_err(|_| Nonsense("too many models"))?;
        Ok(Answered::Opened(Ok(wire::Opened { facts, exchange })))
    }

    /// The copy of a model that was opened before.
    fn copied(&self, sha256: [u8; 32]) -> Option<Bytes> {
        let opened = self
            .opened
            .iter()
            .find(|one| one.sha256 == sha256 && matches!(one.content, Bytes::Copy(_)));
        opened.map(|one| one.content.clone())
    }

    /// A file with the first bytes of what calls use of the exchange, which have to have this digest.
    fn brought(&mut self, bytes: u64, sha256: [u8; 32]) -> Result<Bytes, End> {
        if let Some(copy) = self.copied(sha256) {
            // It has these bytes, whatever lies in the exchange.
            self.exchange(0)?.file.release_calls()?;
            return Ok(copy);
        }
        self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        if self.copied_bytes > self.order.limits.model_bytes || bytes > CALL_BYTES_MAX {
            return Err(Nonsense("a run brings more models than it may").into());
        }
        let exchange = &self.exchange(0)?.file;
        let read =
            |offset, piece: &mut [u8]| exchange.0.read_exact_at(piece, CALL_ROOM.at + offset);
        let (copy, digest) = copy(self.order.settings, bytes, read)?;
        exchange.release_calls()?;
        if digest != sha256 {
            return Err(Nonsense("a model has another digest than its own").into());
        }
        Ok(Bytes::Copy(Arc::new(copy)))
    }

    /// What a blob holds, in a file.
    fn copy_of(&self, blob: &dyn Blob) -> std::io::Result<Bytes> {
        let read = |offset, piece: &mut [u8]| blob.read_at(offset, piece);
        let (file, _) = copy(self.order.settings, blob.size(), read)?;
        Ok(Bytes::Copy(Arc::new(file)))
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
        match self.ask_once(model, &ToInference::Open { sha256 }, Some(file), None)? {
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

    fn compute(
        &mut self,
        model: u32,
        inputs: Vec<TensorPart>,
        room: Room,
    ) -> Result<Answered, End> {
        let no_room = Nonsense("tensors lie where there is no room");
        let end = end_of(&inputs).filter(|_| room.end().is_some());
        let end = end.ok_or(no_room)?;
        let model = self.opened(model)?;
        let sha256 = model.sha256;
        self.used(model.exchange, end)?;
        let order = ToInference::Compute {
            sha256,
            inputs,
            room,
        };
        let tell = || {
            if let Some(recorder) = &self.recorder {
                recorder.borrow_mut().tell();
            }
        };
        let after = self.recorder.as_ref();
        let prepare = |one: &RefCell<Recorder>| {
            let mut one = one.borrow_mut();
            match one.is_told() {
                true => None,
                false => self.together.as_found(|| one.prepare()),
            }
        };
        let after = after.and_then(prepare);
        let meanwhile = after.map(|after| Meanwhile { after, act: &tell });
        let began = Instant::now();
        let answer = self.ask(&model, &order, meanwhile)?;
        let FromInference::Computed {
            outputs,
            engine_ns,
            processor_ns,
        } = answer
        else {
            return Err(confused());
        };
        let processor = Duration::from_nanos(processor_ns);
        // No longer than it was waited for, whatever the process says.
        let engine = Duration::from_nanos(engine_ns).min(began.elapsed());
        self.order.pool.shelf().count_computed(engine);
        self.together.computed(engine, processor);
        self.settle()?;
        if let Ok(outputs) = &outputs {
            let (_, end) = laid_out(outputs, room).ok_or_else(confused)?;
            self.used(model.exchange, end)?;
        }
        self.note(&model, room, &outputs)?;
        Ok(Answered::Computed(outputs))
    }

    /// Takes note of what a call gave, for whoever keeps the calls.
    fn note(
        &mut self,
        model: &Opened,
        room: Room,
        computed: &Result<Vec<TensorPart>, Denied>,
    ) -> Result<(), End> {
        let Some(recorder) = &mut self.recorder else {
            return Ok(());
        };
        let mut given = match computed {
            Ok(parts) => {
                let handover = self.exchanges.get_mut(model.exchange);
                let handover = handover.ok_or(Nonsense("a run has no memory for tensors"))?;
                let seen = match &handover.seen {
                    Some(seen) => Arc::clone(seen),
                    None => {
                        let seen = Arc::new(Exchange::open(&handover.file.0)?);
                        Arc::clone(handover.seen.insert(seen))
                    }
                };
                Where::There(seen, parts.clone())
            }
            Err(denied) => denied.code.into(),
        };
        let is_kept = room.end().is_some_and(|end| end <= CALL_ROOM.at);
        if !is_kept {
            // The run may write there as soon as it has its answer.
            given = Where::Here(given.given()?);
        }
        recorder.get_mut().note(Gave {
            model: model.sha256,
            outputs: Arc::clone(&model.outputs),
            given,
        });
        Ok(())
    }

    /// Asks, and opens the model again if its process has forgotten it. Does something else while that is busy.
    fn ask(
        &self,
        model: &Opened,
        message: &ToInference,
        meanwhile: Option<Meanwhile<'_>>,
    ) -> Result<FromInference, End> {
        for _ in 0..REOPENINGS_MAX {
            match self.ask_once(model, message, None, meanwhile)? {
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
        meanwhile: Option<Meanwhile<'_>>,
    ) -> Result<FromInference, End> {
        let bytes = super::wire::encode(message).map_err(|_| Nonsense("a question is none"))?;
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(Nonsense("a question is too long to be passed on").into());
        }
        let handover = self.exchange(model.exchange)?;
        let question = Question {
            message,
            file: file.map(AsFd::as_fd),
            exchange: (handover.number, handover.file.0.as_fd()),
        };
        let pool = self.order.pool;
        let fork = |_, limits: &_| pool.fork_inference(model.shelved.device(), limits);
        let stop = || self.order.stopped();
        let slot = self.slot(model.shelved);
        let shelf = pool.shelf();
        let asked = shelf.ask(&slot, &question, &fork, &stop, meanwhile, &self.together);
        let (answer, engine) = asked?;
        if let FromInference::Computed { .. } = answer {
            self.computed_by(engine, model);
        }
        match answer {
            FromInference::Failed(why) => Err(Fault::Inference(why).into()),
            FromInference::Unable(why) => Err(End::Run(Refusal::Model(why).into())),
            answer => Ok(answer),
        }
    }
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        for handover in &self.exchanges {
            // The process that has it mapped still keeps none of it. What cannot be given back goes with it.
            let _ = handover.file.release();
        }
    }
}

/// An inference worker that answers something else than it was asked.
fn confused() -> End {
    let why = "it answers something else than it was asked";
    Fault::Inference(why.into()).into()
}
