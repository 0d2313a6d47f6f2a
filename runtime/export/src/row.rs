//! Owns one row of an export: what an hour or a receipt comes to, before any format. Groups nothing itself.

use std::fmt;
use std::rc::Rc;

use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency, UnitPrice};
use meterbox_billing::record::{Charge, Credited, Disputed, Rounded};
use meterbox_billing::text::Id;
use meterbox_billing::timestamp::{Timestamp, TimestampError};

use crate::calendar::Hour;
use crate::digits::Signed;
use crate::item::Item;
use crate::table::push_hex;

/// A requestor or a provider: the bytes of a key that was checked when it was read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party([u8; 32]);

impl Party {
    /// Who holds this key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(*key.as_bytes())
    }

    /// The key's 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(64);
        push_hex(&mut text, &self.0);
        f.pad(&text)
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Party({self})")
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The hour in which it counts: a receipt in the hour in which its job had ended, whenever that began.
    pub hour: Hour,
    /// Who pays.
    pub requestor: Party,
    /// Who is paid.
    pub provider: Party,
    /// The currency of every amount.
    pub currency: Currency,
    /// What it is.
    pub entry: Entry,
    /// The receipts that it stands for.
    pub receipts: Receipts,
}

/// What a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Something was charged.
    Usage(UsageEntry),
    /// Something was given back.
    Credit {
        /// The provider's name for it.
        id: Id,
        /// The digest of its payload.
        digest: Digest,
        /// How much.
        amount: Amount,
        /// Why.
        reason: Rc<str>,
        /// When.
        at: Timestamp,
    },
    /// A receipt is disputed. It moves no money.
    Dispute {
        /// The digest of its payload.
        digest: Digest,
        /// The receipt's total.
        total: Amount,
        /// In which way it is wrong.
        reason: Rc<str>,
        /// When.
        at: Timestamp,
    },
    /// An invoice was rounded.
    Rounding {
        /// What names it, since it has no document: [`rounding_digest`].
        digest: Digest,
        /// The invoice's number.
        invoice: Rc<str>,
        /// What the requestor owes more; less than nothing where the provider waives it.
        amount: Signed,
        /// The last second of the invoice's period.
        at: Timestamp,
    },
}

/// What was charged for one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageEntry {
    /// What for.
    pub item: Item,
    /// The digest of the rate card.
    pub rate_card: Digest,
    /// The price of one; none where it differs from job to job.
    pub unit_price: Option<UnitPrice>,
    /// How many.
    pub quantity: u128,
    /// The exact sum of the receipts' lines, each of which was rounded once.
    pub amount: Amount,
}

/// The receipts that a row stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipts {
    /// One.
    One(Rc<OneReceipt>),
    /// All of an hour.
    Hour(HourReceipts),
    /// None, as an invoice's rounding is of no one receipt.
    None,
}

/// One receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneReceipt {
    /// The digest of its payload.
    pub digest: Digest,
    /// The requestor's name for the order.
    pub order_id: Id,
    /// The digest of the job.
    pub job: Digest,
    /// What a credit or a dispute does not repeat.
    pub run: Option<OneRun>,
}

/// What only the receipt's own rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneRun {
    /// Its place in the transparency log.
    pub sequence: u64,
    /// When its job was started.
    pub started_at: Timestamp,
    /// When it had ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: String,
}

/// The receipts of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourReceipts {
    /// The root of RFC 6962 over their digests, in posted order.
    pub root: Digest,
    /// How many.
    pub count: u64,
    /// The least of their places in the transparency log.
    pub first: u64,
    /// The greatest.
    pub last: u64,
    /// The digest of the job, where all are of one.
    pub job: Option<Digest>,
}

impl Row {
    /// What the requestor owes for it; less than nothing for a credit.
    #[must_use]
    pub const fn amount(&self) -> Signed {
        match &self.entry {
            Entry::Usage(usage) => Signed::plus(usage.amount),
            Entry::Credit { amount, .. } => Signed::minus(*amount),
            Entry::Dispute { .. } => Signed::ZERO,
            Entry::Rounding { amount, .. } => *amount,
        }
    }

    /// When it counts: one receipt, credit or dispute at its own moment, an hour at its start.
    pub fn at(&self) -> Result<Timestamp, TimestampError> {
        match (&self.entry, &self.receipts) {
            (
                Entry::Credit { at, .. } | Entry::Dispute { at, .. } | Entry::Rounding { at, .. },
                _,
            ) => Ok(*at),
            (Entry::Usage(_), Receipts::One(one)) => match &one.run {
                Some(run) => Ok(run.ended_at),
                None => self.hour.start(),
            },
            (Entry::Usage(_), _) => self.hour.start(),
        }
    }

    /// The digest of the job, where there is one job.
    #[must_use]
    pub fn job(&self) -> Option<Digest> {
        match &self.receipts {
            Receipts::One(one) => Some(one.job),
            Receipts::Hour(hour) => hour.job,
            Receipts::None => None,
        }
    }

    /// Its place in the transparency log; the first, where it stands for several receipts.
    #[must_use]
    pub fn log_index(&self) -> Option<u64> {
        match &self.receipts {
            Receipts::One(one) => one.run.as_ref().map(|run| run.sequence),
            Receipts::Hour(hour) => Some(hour.first),
            Receipts::None => None,
        }
    }

    /// The row of a credit.
    #[must_use]
    pub fn of_credit(credited: &Credited) -> Self {
        Self {
            hour: Hour::of(credited.at),
            requestor: Party::of(&credited.requestor),
            provider: Party::of(&credited.provider),
            currency: credited.currency,
            entry: Entry::Credit {
                id: credited.id.clone(),
                digest: credited.credit,
                amount: credited.amount,
                reason: credited.reason.as_str().into(),
                at: credited.at,
            },
            receipts: Receipts::One(Rc::new(OneReceipt {
                digest: credited.receipt,
                order_id: credited.order_id.clone(),
                job: credited.job,
                run: None,
            })),
        }
    }

    /// The row of what an invoice rounded.
    #[must_use]
    pub fn of_rounding(rounded: &Rounded) -> Self {
        Self {
            hour: Hour::of(rounded.at),
            requestor: Party::of(&rounded.requestor),
            provider: Party::of(&rounded.provider),
            currency: rounded.currency,
            entry: Entry::Rounding {
                digest: rounding_digest(rounded),
                invoice: rounded.invoice.as_str().into(),
                amount: Signed::of_rounding(rounded),
                at: rounded.at,
            },
            receipts: Receipts::None,
        }
    }

    /// The row of a dispute.
    #[must_use]
    pub fn of_dispute(disputed: &Disputed) -> Self {
        Self {
            hour: Hour::of(disputed.at),
            requestor: Party::of(&disputed.requestor),
            provider: Party::of(&disputed.provider),
            currency: disputed.currency,
            entry: Entry::Dispute {
                digest: disputed.dispute,
                total: disputed.total,
                reason: disputed.reason.as_str().into(),
                at: disputed.at,
            },
            receipts: Receipts::One(Rc::new(OneReceipt {
                digest: disputed.receipt,
                order_id: disputed.order_id.clone(),
                job: disputed.job,
                run: None,
            })),
        }
    }
}

impl Receipts {
    /// The digest of one, or the root over those of an hour.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::One(one) => Some(one.digest),
            Self::Hour(hour) => Some(hour.root),
            Self::None => None,
        }
    }
}

/// What stands for what an invoice rounded where a digest is wanted: of its invoice's number.
#[must_use]
pub fn rounding_digest(rounded: &Rounded) -> Digest {
    Digest::of(format!("invoice/{}/rounding", rounded.invoice).as_bytes())
}

impl OneReceipt {
    /// The receipt of a charge.
    #[must_use]
    pub fn of(charge: &Charge) -> Self {
        Self {
            digest: charge.receipt,
            order_id: charge.order_id.clone(),
            job: charge.job,
            run: Some(OneRun {
                sequence: charge.sequence,
                started_at: charge.started_at,
                ended_at: charge.ended_at,
                outcome: charge.outcome.clone(),
            }),
        }
    }
}
