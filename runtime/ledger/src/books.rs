//! Owns the one thread that writes the books for many: it takes whatever waits, writes it in one
//! transaction, and answers only when that is on disk. Decides nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use meterbox_billing::envelope::EnvelopeError;
use meterbox_billing::outcome::Fault;
use meterbox_billing::record::Rounded;
use meterbox_billing::text::Id;

use crate::accept::{self, Accept, NewOrder};
use crate::budget::{self, Grant, Posted};
use crate::charge::{self, Next, Recorded, SealedReceipt};
use crate::reader::Reader;
use crate::sealer::{Ahead, Sealer, Unsealed};
use crate::writer::Writer;
use crate::{Ledger, LedgerError, correction, rounding};

/// Requests that are written in one transaction. More would make the first of them wait longer than
/// the disk does.
const BATCH_MAX: usize = 512;

/// Requests that wait; whoever comes then waits before it asks.
pub(crate) const QUEUE_MAX: usize = 4_096;

/// Tells a request's caller what became of it, once it is known whether the transaction stands.
pub(crate) type Answer = Box<dyn FnOnce(Option<&LedgerError>)>;

/// A request: does its part of the transaction, if there is one.
pub(crate) type Request = Box<dyn FnOnce(Result<&mut Writer, &LedgerError>) -> Answer + Send>;

/// The books for many threads at a time.
///
/// Each call returns when what it did is on disk, and survives a power cut. Calls that come together
/// share a transaction, and so the one wait for the disk; what is refused of one changes nothing of the
/// others.
#[derive(Debug)]
pub struct Books {
    requests: Option<SyncSender<Request>>,
    sealer: Sealer,
    writer: Option<JoinHandle<Ledger>>,
    reader: Mutex<Reader>,
}

impl Books {
    /// Hands an open ledger to a thread that writes it.
    pub fn start(ledger: Ledger) -> Result<Self, LedgerError> {
        let reader = Reader::open(ledger.path())?;
        let (requests, waiting) = sync_channel(QUEUE_MAX);
        let path = ledger.path().to_owned();
        let no_thread = |source| LedgerError::Io { path, source };
        let next = ledger.writer.place.next();
        let sealer = Sealer::start(next, requests.clone());
        let writer = std::thread::Builder::new().name("ledger".to_owned());
        let writer = writer.spawn(move || write(ledger, &waiting));
        let (sealer, writer) = match (sealer, writer) {
            (Ok(sealer), Ok(writer)) => (sealer, writer),
            (Err(error), _) | (_, Err(error)) => return Err(no_thread(error)),
        };
        Ok(Self {
            requests: Some(requests),
            sealer,
            writer: Some(writer),
            reader: Mutex::new(reader),
        })
    }

    /// Ends the thread once it has answered everything, and gives the ledger back.
    pub fn close(mut self) -> Result<Ledger, LedgerError> {
        self.sealer.end();
        self.requests = None;
        let writer = self.writer.take().ok_or(LedgerError::Closed)?;
        writer.join().map_err(|_| LedgerError::Closed)
    }

    /// Reads what is on disk. Another read waits meanwhile, writing does not: for long ones, open a
    /// [`Reader`] of its own.
    pub fn read<T>(&self, read: impl FnOnce(&Reader) -> T) -> T {
        read(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut Writer) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (answer, answered) = sync_channel(1);
        let requests = self.requests.as_ref().ok_or(LedgerError::Closed)?;
        let request = request(step, answer);
        requests.send(request).map_err(|_| LedgerError::Closed)?;
        answered.recv().map_err(|_| LedgerError::Closed)?
    }

    /// Takes an order: see [`Ledger::accept`].
    pub fn accept(&self, order: NewOrder) -> Result<Accept, LedgerError> {
        self.ask(move |writer| accept::accept(writer, &order))
    }

    /// Records the receipt that `sign` makes for the next place in the chain: see [`Ledger::record_with`].
    ///
    /// It is signed before its turn, on a thread of the books. Where another one that was to be recorded before
    /// it is refused, it is asked again for the place that is free then.
    pub fn record_with(
        &self,
        order_id: &Id,
        sign: impl Fn(Next) -> Result<SealedReceipt, EnvelopeError> + Send + 'static,
    ) -> Result<Recorded, LedgerError> {
        let order_id = order_id.clone();
        let (answer, answered) = sync_channel(1);
        let record = move |ahead: Ahead| {
            let record =
                move |writer: &mut Writer| charge::record(writer, &order_id, |next| ahead.at(next));
            request(record, answer)
        };
        self.sealer.seal(Unsealed {
            sign: Box::new(sign),
            request: Box::new(record),
        })?;
        answered.recv().map_err(|_| LedgerError::Closed)?
    }

    /// Ends an order that failed: see [`Ledger::abandon`].
    pub fn abandon(&self, order_id: &Id, fault: Fault) -> Result<(), LedgerError> {
        let order_id = order_id.clone();
        self.ask(move |writer| accept::abandon(writer, &order_id, &fault))
    }

    /// Grants a budget: see [`Ledger::grant`].
    pub fn grant(&self, grant: Grant) -> Result<Posted, LedgerError> {
        self.ask(move |writer| budget::grant(writer, &grant))
    }

    /// Records what a requestor says of a receipt: see [`Ledger::judge`].
    pub fn judge(&self, acceptance: Vec<u8>) -> Result<Posted, LedgerError> {
        self.ask(move |writer| correction::judge(writer, &acceptance))
    }

    /// Records a credit: see [`Ledger::give_credit`].
    pub fn give_credit(&self, credit: Vec<u8>) -> Result<Posted, LedgerError> {
        self.ask(move |writer| correction::credit(writer, &credit))
    }

    /// Posts what an invoice's rounding left over: see [`Ledger::post_rounding`].
    pub fn post_rounding(&self, rounded: Rounded) -> Result<Posted, LedgerError> {
        self.ask(move |writer| rounding::post(writer, &rounded))
    }

    /// Keeps a checkpoint of the transparency log: see [`Ledger::put_checkpoint`].
    pub fn put_checkpoint(&self, size: u64, note: Vec<u8>) -> Result<Posted, LedgerError> {
        self.ask(move |writer| crate::checkpoint::put(writer, size, &note))
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        self.sealer.end();
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            // What a panic there left undone was answered to nobody.
            drop(writer.join());
        }
    }
}

/// A request that does this step, and tells what became of it.
fn request<T: Send + 'static>(
    step: impl FnOnce(&mut Writer) -> Result<T, LedgerError> + Send + 'static,
    answer: SyncSender<Result<T, LedgerError>>,
) -> Request {
    Box::new(move |writer| {
        let done = match writer {
            Ok(writer) => writer.attempt(|writer| unless_it_panics(|| step(writer))),
            Err(lost) => Err(lost.shared()),
        };
        Box::new(move |lost| {
            let told = match (done, lost) {
                (Ok(_), Some(lost)) => Err(lost.shared()),
                (done, _) => done,
            };
            // Whoever asked may be gone by now.
            let _ = answer.send(told);
        })
    })
}

/// What signs is the caller's; its panic is an error of its own request, and of no other.
fn unless_it_panics<T>(step: impl FnOnce() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or(Err(LedgerError::Panicked))
}

fn write(mut ledger: Ledger, waiting: &Receiver<Request>) -> Ledger {
    while let Ok(first) = waiting.recv() {
        let rest = waiting.try_iter().take(BATCH_MAX.saturating_sub(1));
        write_batch(&mut ledger.writer, std::iter::once(first).chain(rest));
    }
    ledger
}

fn write_batch(writer: &mut Writer, requests: impl Iterator<Item = Request>) {
    let mut answers: Vec<Answer> = Vec::new();
    let mut lost = writer.begin().err();
    for request in requests {
        answers.push(match &lost {
            None => request(Ok(writer)),
            Some(lost) => request(Err(lost)),
        });
        if lost.is_none() && writer.is_lost() {
            lost = Some(writer.lost());
        }
    }
    match lost {
        None => lost = writer.commit().err(),
        Some(_) => writer.roll_back(),
    }
    for answer in answers {
        answer(lost.as_ref());
    }
}
