//! Owns the thread that has receipts signed before it is their turn, so that the thread that writes need not wait for
//! signatures. Writes nothing and decides nothing: a receipt whose place turns out to be another one is signed
//! again when it is written.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use meterbox_billing::envelope::EnvelopeError;

use crate::LedgerError;
use crate::books::{QUEUE_MAX, Request};
use crate::charge::{Next, SealedReceipt};

/// Makes a receipt for the place that it is told.
type Sign = Box<dyn Fn(Next) -> Result<SealedReceipt, EnvelopeError> + Send>;

/// A receipt that is to be recorded, and the request that records it.
pub(crate) struct Unsealed {
    pub(crate) sign: Sign,
    pub(crate) request: Box<dyn FnOnce(Ahead) -> Request + Send>,
}

/// A receipt that was signed ahead, if it could be.
pub(crate) struct Ahead {
    sign: Sign,
    sealed: Option<SealedReceipt>,
    misplaced: Arc<AtomicBool>,
}

impl Ahead {
    /// The receipt for its place, signed again where it was signed for another one.
    pub(crate) fn at(self, next: Next) -> Result<SealedReceipt, EnvelopeError> {
        match self.sealed {
            Some(sealed) if sealed.is_at(next) => return Ok(sealed),
            Some(_) => self.misplaced.store(true, Ordering::Relaxed),
            None => {}
        }
        (self.sign)(next)
    }
}

/// The thread, and what it is handed.
#[derive(Debug)]
pub(crate) struct Sealer {
    receipts: Option<SyncSender<Unsealed>>,
    thread: Option<JoinHandle<()>>,
}

impl Sealer {
    /// Starts it before the receipt at `next` is signed. It passes requests on in the order in which they come.
    pub(crate) fn start(next: Next, requests: SyncSender<Request>) -> std::io::Result<Self> {
        let (receipts, waiting) = sync_channel(QUEUE_MAX);
        let chain = Chain {
            next,
            requests,
            misplaced: Arc::default(),
        };
        let thread = std::thread::Builder::new().name("receipts".to_owned());
        Ok(Self {
            receipts: Some(receipts),
            thread: Some(thread.spawn(move || chain.seal_all(&waiting))?),
        })
    }

    /// Hands it a receipt.
    pub(crate) fn seal(&self, receipt: Unsealed) -> Result<(), LedgerError> {
        let receipts = self.receipts.as_ref().ok_or(LedgerError::Closed)?;
        receipts.send(receipt).map_err(|_| LedgerError::Closed)
    }

    /// Ends the thread once it has passed everything on.
    pub(crate) fn end(&mut self) {
        self.receipts = None;
        if let Some(thread) = self.thread.take() {
            // Each request fails for itself; one that was lost was answered to nobody.
            drop(thread.join());
        }
    }
}

/// The end of the chain, as it is when all that was passed on is recorded.
struct Chain {
    next: Next,
    requests: SyncSender<Request>,
    /// Whether a receipt was signed for a place that was not its own.
    misplaced: Arc<AtomicBool>,
}

impl Chain {
    fn seal_all(mut self, waiting: &Receiver<Unsealed>) {
        for receipt in waiting {
            if self.misplaced.load(Ordering::Relaxed) {
                self.catch_up();
            }
            let Unsealed { sign, request } = receipt;
            // What fails or panics here does so again when it is written, where it is told.
            let sealed = catch_unwind(AssertUnwindSafe(|| sign(self.next)));
            let sealed = sealed.ok().and_then(Result::ok);
            let sealed = sealed.filter(|sealed| sealed.is_at(self.next));
            if let Some(next) = sealed.as_ref().and_then(SealedReceipt::next) {
                self.next = next;
            }
            let ahead = Ahead {
                sign,
                sealed,
                misplaced: Arc::clone(&self.misplaced),
            };
            if self.requests.send(request(ahead)).is_err() {
                // Whoever writes has ended, so nobody waits for an answer.
                return;
            }
        }
    }

    /// Waits until all that was passed on is written, and goes on from there.
    fn catch_up(&mut self) {
        let (answer, answered) = sync_channel(1);
        let ask: Request = Box::new(move |writer| {
            if let Ok(writer) = writer {
                // It waits for this.
                let _ = answer.send(writer.place.next());
            }
            Box::new(|_| ())
        });
        if self.requests.send(ask).is_ok()
            && let Ok(next) = answered.recv()
        {
            self.next = next;
            self.misplaced.store(false, Ordering::Relaxed);
        }
    }
}
