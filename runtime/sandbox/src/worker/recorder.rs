//! Tells an embedder that only keeps what models gave, beside the run: the guest goes on meanwhile, and only the run's
//! next question waits until what the last call gave is kept.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::job::Job;
use crate::models::{Calls, EndRun, Given, ModelCall};
use crate::outcome::Fault;

/// What one call gave.
pub(super) struct Gave {
    pub(super) model: [u8; 32],
    /// The names of the model's outputs.
    pub(super) outputs: Arc<[String]>,
    pub(super) given: Given,
}

/// One run's calls, told to whoever keeps them.
pub(super) struct Recorder {
    tell: Option<Sender<Gave>>,
    told: Receiver<Result<(), EndRun>>,
    is_telling: bool,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// The recorder of a run that begins now, if the job has somebody who only keeps.
    pub(super) fn of(job: &Job) -> Result<Option<Recorder>, Fault> {
        let calls = job.calls.as_ref().filter(|calls| !calls.decides());
        let Some(calls) = calls.map(Arc::clone) else {
            return Ok(None);
        };
        calls.begin().map_err(ended)?;
        let (tell, asked) = channel::<Gave>();
        let (say, told) = channel();
        let thread = std::thread::Builder::new()
            .name("meterbox-recorder".into())
            .spawn(move || {
                for (number, gave) in (0..).zip(asked) {
                    if say.send(record(&*calls, number, &gave)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Some(Recorder {
            tell: Some(tell),
            told,
            is_telling: false,
            thread: Some(thread),
        }))
    }

    /// Begins to tell what a call gave. What was told before has to be settled.
    pub(super) fn tell(&mut self, gave: Gave) -> Result<(), Fault> {
        let tell = self.tell.as_ref().ok_or_else(gone)?;
        tell.send(gave).map_err(|_| gone())?;
        self.is_telling = true;
        Ok(())
    }

    /// Waits until what was told last is kept.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        if !std::mem::take(&mut self.is_telling) {
            return Ok(());
        }
        let told = self.told.recv().map_err(|_| gone())?;
        told.map_err(ended)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // With its sender gone, the thread ends.
        self.tell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn record(calls: &dyn Calls, number: u64, gave: &Gave) -> Result<(), EndRun> {
    let call = ModelCall {
        number,
        model: gave.model,
        outputs: &gave.outputs,
    };
    calls.computed(&call, &gave.given)
}

fn ended(EndRun(reason): EndRun) -> Fault {
    Fault::Host(reason)
}

fn gone() -> Fault {
    Fault::Host("whoever keeps the calls of a job is gone".into())
}
