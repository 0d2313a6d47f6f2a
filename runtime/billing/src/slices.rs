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
    /// Two began at the same place.
    #[error("the orders `{first}` and `{other}` begin at the same place")]
    Twice {
        /// The order of one.
        first: String,
        /// The order of the other.
        other: String,
    },
    /// None of the receipts left off where this one began, and another one is the first.
    #[error("none of the receipts left off where the order `{order}` begins, at {checkpoint}")]
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

/// The slices of one job.
#[derive(Debug)]
pub struct Slices<'r> {
    /// In the order in which they follow each other.
    pub receipts: Vec<&'r Receipt>,
    /// Where the first began: nowhere, if it is the beginning of the job.
    pub began_with: Option<Digest>,
    /// Where the last left off: nowhere, if it is the end of the job.
    pub left_off: Option<Digest>,
    /// What all used together. The peak of memory is the highest.
    pub usage: Usage,
    /// The exact totals by currency; none where a sum does not fit an amount.
    pub totals: BTreeMap<String, Option<Amount>>,
}

impl<'r> Slices<'r> {
    /// Puts the slices of a job in their order, in whatever order they come. One that is given twice counts once.
    ///
    /// # Errors
    /// If they are of different jobs, or do not follow each other without a gap.
    pub fn join(receipts: impl IntoIterator<Item = &'r Receipt>) -> Result<Self, SliceError> {
        let mut by_beginning: BTreeMap<Option<Digest>, &Receipt> = BTreeMap::new();
        let mut first: Option<&Receipt> = None;
        for receipt in receipts {
            let known = *first.get_or_insert(receipt);
            same_job(known, receipt)?;
            let place = began_with(receipt.reproducible()).map(|blob| blob.sha256);
            match by_beginning.insert(place, receipt) {
                Some(other) if other != receipt => {
                    return Err(SliceError::Twice {
                        first: id(other),
                        other: id(receipt),
                    });
                }
                _ => {}
            }
        }
        Self::follow(by_beginning)
    }

    fn follow(mut left: BTreeMap<Option<Digest>, &'r Receipt>) -> Result<Self, SliceError> {
        let ends: BTreeSet<Digest> = left.values().filter_map(|one| end(one)).collect();
        let beginning = left
            .keys()
            .find(|place| place.is_none_or(|place| !ends.contains(&place)));
        let began_with = match (beginning, left.is_empty()) {
            (Some(beginning), _) => *beginning,
            (None, true) => return Err(SliceError::Empty),
            (None, false) => return Err(SliceError::Circle),
        };
        let mut slices = Self {
            receipts: Vec::with_capacity(left.len()),
            began_with,
            left_off: None,
            usage: Usage::default(),
            totals: BTreeMap::new(),
        };
        let mut next = left.remove(&began_with);
        while let Some(receipt) = next {
            slices.add(receipt)?;
            next = slices.left_off.and_then(|place| left.remove(&Some(place)));
        }
        match left.into_iter().next() {
            Some((Some(checkpoint), receipt)) => Err(SliceError::Gap {
                order: id(receipt),
                checkpoint,
            }),
            _ => Ok(slices),
        }
    }

    fn add(&mut self, receipt: &'r Receipt) -> Result<(), UsageOverflow> {
        let run = receipt.reproducible();
        self.usage = self.usage.checked_add(&run.usage)?;
        let total = self.totals.entry(run.currency.to_string());
        let total = total.or_insert(Some(Amount::ZERO));
        *total = total.and_then(|total| total.checked_add(run.total).ok());
        self.left_off = end(receipt);
        self.receipts.push(receipt);
        Ok(())
    }
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
