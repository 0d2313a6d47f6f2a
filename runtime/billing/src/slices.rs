//! Owns what makes receipts the slices of one job: what each left off with is what the next began with. Verifies
//! no signature and no arithmetic.
//!
//! A run that ends `ok` and leaves an output named `checkpoint` has not done its whole job. The same job with that
//! as its input `checkpoint` goes on, under an order and with a receipt of its own, at this provider or another.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::job::Blob;
use crate::money::Amount;
use crate::outcome::Outcome;
use crate::receipt::{Receipt, Reproducible};
use crate::usage::{Usage, UsageOverflow};

/// The name of the output that says where a run left off, and of the input that says where it goes on.
pub const CHECKPOINT: &str = "checkpoint";

/// What a run began with, if it went on where another left off.
#[must_use]
pub fn began_with(run: &Reproducible) -> Option<&Blob> {
    named(&run.inputs)
}

/// Where a run left off, if its job has more to do.
#[must_use]
pub fn left_off(run: &Reproducible) -> Option<&Blob> {
    let is_ok = matches!(run.outcome, Outcome::Ok {});
    named(&run.outputs).filter(|_| is_ok)
}

fn named(blobs: &[Blob]) -> Option<&Blob> {
    blobs.iter().find(|blob| blob.name == CHECKPOINT)
}

/// Why receipts are not the slices of one job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SliceError {
    /// There is none.
    #[error("there are no receipts")]
    Empty,
    /// Two are of different jobs, whatever their checkpoints.
    #[error("the orders `{first}` and `{other}` are of different jobs: their `{field}` differ")]
    OtherJob {
        /// The order of one.
        first: String,
        /// The order of the other.
        other: String,
        /// The first field that differs.
        field: &'static str,
    },
    /// Two began at the same place and both ended well.
    #[error("the orders `{first}` and `{other}` did the same part of the job")]
    Twice {
        /// The order of one.
        first: String,
        /// The order of the other.
        other: String,
    },
    /// None of the receipts that lead here left off where this one began.
    #[error("nothing leads to where the order `{order}` begins, at {checkpoint}")]
    Gap {
        /// The order that begins there.
        order: String,
        /// The checkpoint.
        checkpoint: Digest,
    },
    /// They go round: none is the first.
    #[error("each of the receipts begins where another left off: none is the first")]
    Circle,
    /// The counts of all slices together are too large.
    #[error("the slices used more than can be counted")]
    Usage(#[from] UsageOverflow),
}

/// How the slices of a job end, as far as there are receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The job has done all that it had to do.
    Done,
    /// The last one left off here, and the job has more to do.
    GoesOn(Digest),
    /// The last one ended otherwise than `ok`: what it did since its beginning is for nothing.
    Badly,
}

/// The slices of one job.
#[derive(Debug)]
pub struct Slices<'r> {
    /// In the order in which they follow each other. One that ended badly stands before the one that began at the same
    /// place and took its place.
    pub receipts: Vec<&'r Receipt>,
    /// Where the first began: nowhere, if it is the beginning of the job.
    pub began_with: Option<Digest>,
    /// How the last one ended.
    pub end: End,
    /// What all used together, those that ended badly as well. The peak of memory is the highest.
    pub usage: Usage,
    /// The exact totals by currency; none where a sum does not fit an amount.
    pub totals: BTreeMap<String, Option<Amount>>,
}

/// The receipts by where they began.
type ByBeginning<'r> = BTreeMap<Option<Digest>, Vec<&'r Receipt>>;

impl<'r> Slices<'r> {
    /// Puts the slices of a job in their order, in whatever order they come. One that is given twice counts once.
    ///
    /// # Errors
    /// If they are of different jobs, or do not follow each other without a gap.
    pub fn join(receipts: impl IntoIterator<Item = &'r Receipt>) -> Result<Self, SliceError> {
        let mut by_beginning = ByBeginning::new();
        let mut first: Option<&Receipt> = None;
        for receipt in receipts {
            let known = *first.get_or_insert(receipt);
            same_job(known, receipt)?;
            let place = began_with(receipt.reproducible()).map(|blob| blob.sha256);
            let there = by_beginning.entry(place).or_default();
            if !there.contains(&receipt) {
                there.push(receipt);
            }
        }
        Self::follow(by_beginning)
    }

    /// The slices as they were run, one after another, by who ran them: nothing is put in order, and what led nowhere
    /// is among them.
    ///
    /// # Errors
    /// If the counts of all together are too large.
    pub fn as_run(receipts: impl IntoIterator<Item = &'r Receipt>) -> Result<Self, SliceError> {
        let mut receipts = receipts.into_iter();
        let first = receipts.next().ok_or(SliceError::Empty)?;
        let place = began_with(first.reproducible()).map(|blob| blob.sha256);
        let mut slices = Self::beginning(place);
        slices.add(first)?;
        receipts.try_for_each(|receipt| slices.add(receipt))?;
        Ok(slices)
    }

    fn beginning(began_with: Option<Digest>) -> Self {
        Self {
            receipts: Vec::new(),
            began_with,
            end: End::Badly,
            usage: Usage::default(),
            totals: BTreeMap::new(),
        }
    }

    fn follow(mut left: ByBeginning<'r>) -> Result<Self, SliceError> {
        let ends: BTreeSet<Digest> = left.values().flatten().filter_map(|one| end(one)).collect();
        let beginning = left
            .keys()
            .find(|place| place.is_none_or(|place| !ends.contains(&place)));
        let began_with = match (beginning, left.is_empty()) {
            (Some(beginning), _) => *beginning,
            (None, true) => return Err(SliceError::Empty),
            (None, false) => return Err(SliceError::Circle),
        };
        let mut slices = Self::beginning(began_with);
        let mut next = left.remove(&began_with);
        while let Some(there) = next {
            slices.add_all(there)?;
            next = match slices.end {
                End::GoesOn(place) => left.remove(&Some(place)),
                End::Done | End::Badly => None,
            };
        }
        match left.into_iter().next() {
            Some((Some(checkpoint), there)) => Err(SliceError::Gap {
                order: there.first().map(|one| id(one)).unwrap_or_default(),
                checkpoint,
            }),
            _ => Ok(slices),
        }
    }

    /// Adds what began at one place: whatever ended badly, and the one that did not.
    fn add_all(&mut self, mut there: Vec<&'r Receipt>) -> Result<(), SliceError> {
        there.sort_by_key(|receipt| {
            let by = receipt.attested();
            (ended_well(receipt), by.ended_at, by.sequence)
        });
        if let [.., one, other] = there[..]
            && ended_well(one)
        {
            return Err(SliceError::Twice {
                first: id(one),
                other: id(other),
            });
        }
        there
            .into_iter()
            .try_for_each(|receipt| Ok(self.add(receipt)?))
    }

    fn add(&mut self, receipt: &'r Receipt) -> Result<(), UsageOverflow> {
        let run = receipt.reproducible();
        self.usage = self.usage.checked_add(&run.usage)?;
        let total = self.totals.entry(run.currency.to_string());
        let total = total.or_insert(Some(Amount::ZERO));
        *total = total.and_then(|total| total.checked_add(run.total).ok());
        self.end = match (ended_well(receipt), end(receipt)) {
            (false, _) => End::Badly,
            (true, None) => End::Done,
            (true, Some(place)) => End::GoesOn(place),
        };
        self.receipts.push(receipt);
        Ok(())
    }
}

fn ended_well(receipt: &Receipt) -> bool {
    matches!(receipt.reproducible().outcome, Outcome::Ok {})
}

fn end(receipt: &Receipt) -> Option<Digest> {
    left_off(receipt.reproducible()).map(|blob| blob.sha256)
}

fn id(receipt: &Receipt) -> String {
    receipt.attested().order_id.to_string()
}

/// Fails if two runs are of different jobs. What they were run with, and at what price, may differ: a provider that
/// is gone is replaced by another.
fn same_job(one: &Receipt, other: &Receipt) -> Result<(), SliceError> {
    let (a, b) = (one.reproducible(), other.reproducible());
    let inputs = |run: &Reproducible| -> Vec<Blob> {
        let inputs = run.inputs.iter().filter(|blob| blob.name != CHECKPOINT);
        inputs.cloned().collect()
    };
    let fields = [
        ("module", a.module == b.module),
        ("inputs", inputs(a) == inputs(b)),
        ("arguments", a.arguments == b.arguments),
        ("environment", a.environment == b.environment),
        ("seed", a.seed == b.seed),
        ("clock_start_ns", a.clock_start_ns == b.clock_start_ns),
    ];
    match fields.into_iter().find(|(_, is_same)| !is_same) {
        None => Ok(()),
        Some((field, _)) => Err(SliceError::OtherJob {
            first: id(one),
            other: id(other),
            field,
        }),
    }
}

#[cfg(test)]
mod tests;
