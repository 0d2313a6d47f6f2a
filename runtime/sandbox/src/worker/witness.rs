//! Calls on models that come by an embedder, of a run in a worker. What the run asks goes to a thread of its
//! own, where the embedder sees tensors; what that asks in turn goes on to the process that keeps the models.
//! The embedder never knows that there are processes.

use std::fs::File;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::relay::{End, Relay};
use super::wire::Nonsense;
use crate::job::{Input, Job};
use crate::locks::locked;
use crate::models::exchange::{CALL_ROOM, Exchange, ExchangeFile};
use crate::models::remote::{Line, Reads, Remote};
use crate::models::wire::{Answered, Ask, Content, Opened, ShapePart, cost_part, put, take};
use crate::models::{
    Calls, Computation, Denied, EndRun, Interposed, Models, NnCode, OpenModel, Source,
};
use crate::outcome::{Fault, Refusal};
use crate::run::RunError;
use crate::tally::HostEnd;

/// What the thread says.
enum Said {
    /// It has a question for the process that keeps the models.
    Asks(Ask),
    /// What the run asked is answered, or the run ends.
    Answers(Box<Result<Answered, End>>),
}

/// What the thread is told.
enum Told {
    /// What the run asks.
    Asked(Ask),
    /// The answer to its own question, with the file that came along; none if the run ends.
    Answered(Option<(Answered, Option<File>)>),
}

/// One run's calls, as an embedder sees them.
pub(super) struct Witness {
    tell: Option<Sender<Told>>,
    hear: Receiver<Said>,
    exchange: File,
    thread: Option<JoinHandle<()>>,
}

/// The thread's way to the process that keeps the models.
struct Inner {
    say: Sender<Said>,
    hear: Arc<Mutex<Receiver<Told>>>,
}

impl Line for Inner {
    fn ask(&self, ask: &Ask) -> Result<(), String> {
        let said = self.say.send(Said::Asks(ask.clone()));
        said.map_err(|_| "the run is over".to_string())
    }

    fn answer(&self) -> Result<(Answered, Option<File>), String> {
        let told = locked(&self.hear).recv();
        match told {
            Ok(Told::Answered(Some(answer))) => Ok(answer),
            _ => Err("the run is over".into()),
        }
    }
}

impl Witness {
    /// The witness of a run that begins now, if the job has somebody who decides what becomes of its calls.
    pub(super) fn of(job: &Job) -> Result<Option<Witness>, Fault> {
        let calls = job.calls.as_ref().filter(|calls| calls.decides());
        let Some(calls) = calls.map(Arc::clone) else {
            return Ok(None);
        };
        let file = ExchangeFile::new()?;
        let exchange = Exchange::open(&file.0)?;
        let (tell, told) = channel();
        let (say, hear) = channel();
        let inputs = job.inputs.clone();
        let seen = begin(&say, told, calls, &inputs)?;
        let (models, told) = seen;
        let thread = std::thread::Builder::new()
            .name("meterbox-witness".into())
            .spawn(move || {
                let mut served = Served {
                    models,
                    inputs,
                    exchange,
                    opened: Vec::new(),
                };
                loop {
                    let asked = locked(&told).recv();
                    let Ok(Told::Asked(ask)) = asked else {
                        return;
                    };
                    let answer = Said::Answers(Box::new(served.answer(ask)));
                    if say.send(answer).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Some(Witness {
            tell: Some(tell),
            hear,
            exchange: file.0,
            thread: Some(thread),
        }))
    }

    /// The memory in which the run hands tensors over.
    pub(super) fn exchange(&self) -> &File {
        &self.exchange
    }

    /// Answers what the run asks. What the embedder wants computed is asked of the relay meanwhile.
    pub(super) fn answer(&self, ask: Ask, relay: &mut Relay<'_>) -> Result<Answered, End> {
        let gone = || {
            End::from(Fault::Host(
                "whoever sees the calls of a job is gone".into(),
            ))
        };
        let tell = self.tell.as_ref().ok_or_else(gone)?;
        tell.send(Told::Asked(ask)).map_err(|_| gone())?;
        loop {
            match self.hear.recv().map_err(|_| gone())? {
                Said::Answers(answer) => return *answer,
                Said::Asks(ask) => {
                    let answered = match relay.answer(ask) {
                        Ok(answered) => answered,
                        Err(End::Stopped(by)) => Answered::Stopped(by),
                        // They matter once there is something to compute.
                        Err(End::Run(RunError::Refusal(Refusal::NoDevice))) => Answered::NoDevice,
                        Err(End::Run(RunError::Refusal(Refusal::Model(why)))) => {
                            Answered::Unable(why)
                        }
                        Err(end) => {
                            // It gives up, and says so; why is known here.
                            let _ = tell.send(Told::Answered(None));
                            let _ = self.hear.recv();
                            return Err(end);
                        }
                    };
                    let file = relay.file().map(File::try_clone).transpose()?;
                    let answer = Told::Answered(Some((answered, file)));
                    tell.send(answer).map_err(|_| gone())?;
                }
            }
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // With its sender gone, the thread ends.
        self.tell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Heard = Arc<Mutex<Receiver<Told>>>;

fn begin(
    say: &Sender<Said>,
    told: Receiver<Told>,
    calls: Arc<dyn Calls>,
    inputs: &[Input],
) -> Result<(Interposed, Heard), Fault> {
    let told = Arc::new(Mutex::new(told));
    let line = Arc::new(Inner {
        say: say.clone(),
        hear: Arc::clone(&told),
    });
    let remote = Arc::new(Remote::new(line, inputs, Reads::Copies));
    let seen = Interposed::begin(remote, calls);
    let seen = seen.map_err(|EndRun(reason)| Fault::Host(reason))?;
    Ok((seen, told))
}

/// The run's side of it.
struct Served {
    models: Interposed,
    inputs: Vec<Input>,
    exchange: Exchange,
    opened: Vec<Arc<dyn OpenModel>>,
}

impl From<HostEnd> for End {
    fn from(end: HostEnd) -> End {
        match end {
            HostEnd::Stopped(by) => End::Stopped(by),
            HostEnd::NoDevice => End::Run(Refusal::NoDevice.into()),
            HostEnd::Unable(reason) => End::Run(Refusal::Model(reason).into()),
            other => Fault::Host(other.to_string()).into(),
        }
    }
}

impl Served {
    fn answer(&mut self, ask: Ask) -> Result<Answered, End> {
        match ask {
            Ask::Exchange => Ok(Answered::Exchange),
            Ask::Open {
                content,
                sha256,
                device,
            } => {
                let given;
                let source = match content {
                    Content::Input(number) => {
                        let number = usize::try_from(number).unwrap_or(usize::MAX);
                        let input = self.inputs.get(number);
                        Source::Input(input.ok_or(Nonsense("a run has no such input"))?)
                    }
                    Content::Exchange { bytes } => {
                        let read = self.exchange.read(CALL_ROOM.at, bytes);
                        given =
                            read.map_err(|_| Nonsense("a model lies where there is no room"))?;
                        Source::Given {
                            sha256,
                            bytes: &given,
                        }
                    }
                };
                Ok(Answered::Opened(
                    match self.models.open(&source, device)? {
                        Ok(model) => {
                            let facts = model.facts().clone();
                            self.opened.push(model);
                            // The thread has one memory, and hands everything on in the process's own.
                            Ok(Opened { facts, exchange: 0 })
                        }
                        Err(denied) => Err(denied),
                    },
                ))
            }
            Ask::Cost { model, shapes } => {
                let shapes: Option<Vec<_>> = shapes.iter().map(ShapePart::shape).collect();
                let shapes = shapes.ok_or(Nonsense("a shape is none"))?;
                let costs = self.opened(model)?.cost(&shapes)?;
                Ok(Answered::Costs(costs.map(|cost| cost_part(&cost))))
            }
            Ask::Compute {
                model,
                inputs,
                room,
            } => {
                let inputs = take(&self.exchange, inputs)
                    .ok_or(Nonsense("tensors lie where there is no room"))?;
                let computed = self.opened(model)?.compute(Computation {
                    inputs,
                    output_bytes: room.bytes,
                    meanwhile: &mut |_| {},
                })?;
                Ok(Answered::Computed(computed.and_then(|outputs| {
                    put(&self.exchange, &outputs, room).ok_or_else(|| Denied {
                        code: NnCode::TooLarge,
                        reason: "its outputs are too large to be handed over".into(),
                    })
                })))
            }
        }
    }

    fn opened(&self, model: u32) -> Result<&dyn OpenModel, Nonsense> {
        let model = usize::try_from(model).ok();
        let opened = model.and_then(|model| self.opened.get(model));
        opened
            .map(|model| &**model)
            .ok_or(Nonsense("a run has no such model"))
    }
}
