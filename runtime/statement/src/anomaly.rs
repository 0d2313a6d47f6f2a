//! Owns what a reader of a report should look at, by rules that are written down. Accuses nobody: each is a
//! question, and the receipts are the answer.

use std::collections::BTreeMap;

use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::Amount;
use meterbox_billing::record::Charge;

use crate::signed::Signed;
use crate::tally::{NAMES_MAX, Sum};
use crate::timeline::Peak;

/// More are a list that nobody reads.
pub const ANOMALIES_MAX: usize = 30;
/// Fewer receipts say nothing of a share.
const SHARE_RECEIPTS_MIN: u64 = 20;
/// One in so many receipts without a result stands out.
const SHARE_PARTS: u64 = 4;

/// Whose charges stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All together.
    Everyone,
    /// One requestor's.
    Requestor(PublicKey),
    /// Those of one program.
    Program(Digest),
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anomaly {
    /// The same job, by the same rate card and with the same outcome `ok`, cost different amounts. Without a
    /// model on a GPU that cannot be: the bill is a function of the job.
    Unequal {
        /// The job.
        job: Digest,
        /// How many receipts of it there are.
        receipts: u64,
        /// The smallest total.
        least: Amount,
        /// The largest.
        most: Amount,
    },
    /// A piece of time cost strongly more than usual.
    Peak {
        /// Whose.
        whose: Whose,
        /// When, and how much.
        peak: Peak,
    },
    /// A large share of the receipts charged for jobs without a result.
    NoResult {
        /// Whose.
        whose: Whose,
        /// What was charged.
        sum: Sum,
    },
}

/// What is known of one job by one card.
#[derive(Debug, Clone, Copy)]
struct Costs {
    receipts: u64,
    least: Amount,
    most: Amount,
}

/// The history of each job: what it came to each time.
#[derive(Debug, Default)]
pub(crate) struct Jobs(BTreeMap<(Digest, Digest), Costs>);

impl Jobs {
    /// Remembers a charge, if there is room: a job that is new when [`NAMES_MAX`] are known is passed over.
    pub(crate) fn charge(&mut self, charge: &Charge) {
        let (name, total) = ((charge.job, charge.rate_card), charge.total);
        if charge.outcome != "ok" || (self.0.len() >= NAMES_MAX && !self.0.contains_key(&name)) {
            return;
        }
        let costs = self.0.entry(name).or_insert(Costs {
            receipts: 0,
            least: total,
            most: total,
        });
        costs.receipts = costs.receipts.saturating_add(1);
        costs.least = costs.least.min(total);
        costs.most = costs.most.max(total);
    }

    pub(crate) fn anomalies(&self) -> impl Iterator<Item = Anomaly> {
        let unequal = self.0.iter().filter(|(_, costs)| costs.least != costs.most);
        unequal.map(|((job, _), costs)| Anomaly::Unequal {
            job: *job,
            receipts: costs.receipts,
            least: costs.least,
            most: costs.most,
        })
    }
}

/// That a large share of these charges was for jobs without a result, if it was.
pub(crate) fn no_result(whose: Whose, sum: &Sum) -> Option<Anomaly> {
    let is_large = sum.failed.saturating_mul(SHARE_PARTS) > sum.receipts;
    let is_enough = sum.receipts >= SHARE_RECEIPTS_MIN;
    (is_large && is_enough).then_some(Anomaly::NoResult { whose, sum: *sum })
}

impl Anomaly {
    /// How much money it is about, by which the list is sorted.
    #[must_use]
    pub fn stake(&self) -> Signed {
        match self {
            Self::Unequal { most, .. } => (*most).into(),
            Self::Peak { peak, .. } => peak.charged,
            Self::NoResult { sum, .. } => sum.failed_charged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{card_in, charge, charge_by};

    const NOON: &str = "2026-01-15T12:00:00Z";

    fn unequal(charges: &[Charge]) -> usize {
        let mut jobs = Jobs::default();
        charges.iter().for_each(|charge| jobs.charge(charge));
        jobs.anomalies().count()
    }

    #[test]
    fn the_same_job_at_two_prices_is_an_anomaly_unless_the_card_or_the_outcome_differs() {
        let first = charge(5, 1_000_000_000_000_000, NOON);
        let same = charge(10, 1_000_000_000_000_000, NOON);
        let dearer = charge(15, 2_000_000_000_000_000, NOON);
        let other_card = charge_by(&card_in("EUR", 1), 20, 3_000_000_000_000_000, NOON);
        let mut stopped = dearer.clone();
        stopped.outcome = "limit".to_owned();
        assert_eq!(unequal(&[first.clone(), same.clone()]), 0);
        assert_eq!(unequal(&[first.clone(), other_card, stopped]), 0);
        assert_eq!(unequal(&[first, same, dearer]), 1);
    }

    #[test]
    fn a_quarter_without_results_is_not_yet_an_anomaly() {
        let sum = |failed, receipts| Sum {
            failed,
            receipts,
            ..Sum::default()
        };
        assert!(no_result(Whose::Everyone, &sum(5, 20)).is_none());
        assert!(no_result(Whose::Everyone, &sum(6, 20)).is_some());
        assert!(no_result(Whose::Everyone, &sum(19, 19)).is_none());
    }
}
