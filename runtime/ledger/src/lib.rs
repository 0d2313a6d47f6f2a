//! Owns the provider's books: orders, receipts and double-entry postings, in one SQLite file that one
//! process writes at a time. Decides no prices, and believes no signature that a caller could not have
//! checked: acceptances and credits are opened here, orders and receipts by whoever hands them in.
//!
//! [`Ledger`] writes for one thread, [`Books`] for many with one wait for the disk, and [`Reader`] reads
//! beside either. What a method has returned is on disk.

mod accept;
mod account;
mod audit;
mod backup;
mod books;
mod budget;
mod charge;
mod checkpoint;
mod correction;
mod entry;
mod error;
mod lock;
mod migration;
mod reader;
mod records;
mod rounding;
mod row;
mod schema;
mod sealer;
mod stats;
mod writer;

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use meterbox_billing::envelope::EnvelopeError;
use meterbox_billing::money::Amount;
use meterbox_billing::outcome::Fault;
use meterbox_billing::record::Rounded;
use meterbox_billing::text::{Id, Message};

pub use accept::{Accept, KnownOffer, NewOrder};
pub use account::{GRANTED, INCOME, ROUNDING};
pub use audit::Finding;
pub use backup::Copied;
pub use books::Books;
pub use budget::{Budget, BudgetError, Grant, Posted};
pub use charge::{Next, Recorded, SealedReceipt};
pub use checkpoint::CheckpointError;
pub use correction::{CorrectionError, DISPUTES_MAX};
pub use entry::{Balance, Entry, Filter, State};
pub use error::LedgerError;
pub use reader::{Checkpoint, Reader, ReceiptDigests};
pub use records::{RecordFilter, Records};
pub use rounding::RoundingError;
pub use stats::Stats;

use audit::Scope;
use lock::Lock;
use writer::Writer;

/// Findings that an error names.
const FINDINGS_SHOWN: usize = 3;

/// What the books are to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether a requestor needs a budget. Without one it may have any amount held, unless this is set.
    pub budget_required: bool,
    /// A clock may be set back by so many seconds, as it is when it is synchronised; orders go on to
    /// expire by the later time. More is refused.
    pub clock_step_seconds_max: u64,
    /// Whether the time that is told counts, whatever the books were told before: the way out when
    /// the clock was wrong then and is right now.
    pub trust_clock: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            budget_required: false,
            clock_step_seconds_max: 300,
            trust_clock: false,
        }
    }
}

/// The books, held by this process until dropped. What a method has returned is on disk.
///
/// Everything that a [`Reader`] reads is read here too.
#[derive(Debug)]
pub struct Ledger {
    writer: Writer,
    recovered: Vec<Id>,
    /// Dropped last, when the file is closed.
    _lock: Lock,
}

impl Deref for Ledger {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.writer.reader
    }
}

impl Ledger {
    /// Opens the books at `path`, and makes new ones where there is no file.
    ///
    /// One process holds them at a time. Another one waits for up to `wait`, then is refused with
    /// the holder's process id. Books that do not balance are refused: every entry since they were opened
    /// last is added up, in small ones every entry there is, and the newest documents are read again; all
    /// of them are where [`Reader::check`] is asked. Orders that a process left pending when it died are
    /// found here: their holds are released and a fault is recorded ([`Self::recovered`]).
    pub fn open(path: &Path, wait: Duration) -> Result<Self, LedgerError> {
        let lock = Lock::take(path, wait)?;
        let connection = schema::open(path)?;
        Self::begin(Reader::of(connection, path.to_owned()), lock)
    }

    fn begin(reader: Reader, lock: Lock) -> Result<Self, LedgerError> {
        let is_small = schema::is_small(reader.path());
        let mut ledger = Self {
            writer: Writer::new(reader)?,
            recovered: Vec::new(),
            _lock: lock,
        };
        let connection = ledger.writer.reader.connection();
        let scope = Scope::since_mark(connection, ledger.writer.place.record, is_small)?;
        let findings = audit::check(connection, scope)?;
        if !findings.is_empty() {
            return Err(out_of_balance(&findings));
        }
        ledger.recovered = ledger.recover()?;
        Ok(ledger)
    }

    /// The same books under another policy.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.writer.policy = policy;
        self
    }

    /// The orders that were found pending when the books were opened.
    #[must_use]
    pub fn recovered(&self) -> &[Id] {
        &self.recovered
    }

    /// Ends what is pending, and marks the books as checked. Writes in any case, so that a file that
    /// cannot be written is found now and not after a job was run.
    fn recover(&mut self) -> Result<Vec<Id>, LedgerError> {
        let pending = self.list(&Filter {
            pending: true,
            ..Filter::default()
        })?;
        let fault = Fault {
            reason: Message::cut("the provider stopped before the order was done"),
        };
        let ids: Vec<Id> = pending.into_iter().map(|entry| entry.order_id).collect();
        self.writer.transact(|writer| {
            for id in &ids {
                accept::abandon(writer, id, &fault)?;
            }
            writer.mark_checked()
        })?;
        Ok(ids)
    }

    /// Takes an order: posts a hold of the most that it can cost.
    ///
    /// Under a known id, the same order gives its receipt again, and another one is refused. An order is
    /// refused from the moment at which it expires, and where it may cost more than is left of its
    /// requestor's budget.
    pub fn accept(&mut self, order: &NewOrder) -> Result<Accept, LedgerError> {
        self.writer.transact(|writer| accept::accept(writer, order))
    }

    /// Records a pending order's receipt: charges its total and releases the rest of the hold, in
    /// one transaction. When this returns, the receipt survives a power cut and may be released.
    ///
    /// The receipt must be the next in the chain: its sequence number [`Reader::next_sequence`], the
    /// receipt before it [`Reader::last_receipt_digest`]; and its provider the one whose offer the order
    /// names.
    pub fn record(&mut self, order_id: &Id, envelope: &[u8]) -> Result<Amount, LedgerError> {
        let sealed = SealedReceipt::read(envelope)?;
        let recorded = self.record_with(order_id, |_| Ok(sealed))?;
        Ok(recorded.total)
    }

    /// Records the receipt that `sign` makes when it is told its place in the chain.
    pub fn record_with(
        &mut self,
        order_id: &Id,
        sign: impl FnOnce(Next) -> Result<SealedReceipt, EnvelopeError>,
    ) -> Result<Recorded, LedgerError> {
        self.writer
            .transact(|writer| charge::record(writer, order_id, sign))
    }

    /// Ends a pending order that failed on the provider's side: releases its hold, bills nothing
    /// and keeps the reason. The same order may be handed in again, until it expires.
    pub fn abandon(&mut self, order_id: &Id, fault: &Fault) -> Result<(), LedgerError> {
        self.writer
            .transact(|writer| accept::abandon(writer, order_id, fault))
    }

    /// Grants a requestor a budget, or more of it: from now on it may have no more held than is left.
    /// The same grant again changes nothing; another one under its id is refused.
    pub fn grant(&mut self, grant: &Grant) -> Result<Posted, LedgerError> {
        self.writer.transact(|writer| budget::grant(writer, grant))
    }

    /// Records what the requestor of a receipt's order says of it, in the envelope of an acceptance. What
    /// was accepted is not disputed afterwards. The same again changes nothing.
    pub fn judge(&mut self, acceptance: &[u8]) -> Result<Posted, LedgerError> {
        self.writer
            .transact(|writer| correction::judge(writer, acceptance))
    }

    /// Records a credit that the provider of a receipt has signed: gives its amount back to the
    /// requestor's budget. All credits of a receipt are at most its total. The same again changes nothing.
    pub fn give_credit(&mut self, credit: &[u8]) -> Result<Posted, LedgerError> {
        self.writer
            .transact(|writer| correction::credit(writer, credit))
    }

    /// Posts what an invoice's rounding left over, between the requestor's budget and [`ROUNDING`]. The same again
    /// changes nothing; another one under the invoice's number, or of a time that was invoiced, is refused, and so is
    /// what does not follow from the records of the invoice's period.
    pub fn post_rounding(&mut self, rounded: &Rounded) -> Result<Posted, LedgerError> {
        self.writer
            .transact(|writer| rounding::post(writer, rounded))
    }

    /// Keeps a signed checkpoint of the transparency log over the first `size` receipts. None is changed
    /// or removed, and none is smaller than the one before.
    pub fn put_checkpoint(&mut self, size: u64, note: &[u8]) -> Result<Posted, LedgerError> {
        self.writer
            .transact(|writer| checkpoint::put(writer, size, note))
    }
}

impl Reader {
    /// Recomputes the books from the signed documents by a second, simpler model, checks every signature,
    /// and says where they do not agree. No findings mean that every account balances.
    pub fn check(&self) -> Result<Vec<Finding>, LedgerError> {
        audit::check(self.connection(), Scope::EVERYTHING)
    }
}

/// The first findings as an error.
pub(crate) fn out_of_balance(findings: &[Finding]) -> LedgerError {
    let shown: Vec<String> = findings
        .iter()
        .take(FINDINGS_SHOWN)
        .map(Finding::to_string)
        .collect();
    let more = findings.len().saturating_sub(shown.len());
    let mut findings = shown.join("; ");
    if more > 0 {
        findings.push_str(&format!("; and {more} more"));
    }
    LedgerError::OutOfBalance { findings }
}

#[cfg(test)]
mod tests;
