//! Owns what statements, invoices and exports read of the books: one record for each thing that was posted.
//! Smaller than the signed documents that it is taken from, and rebuilt from them at any time.

use serde::{Deserialize, Serialize};

use crate::acceptance::{Acceptance, Verdict};
use crate::bill::Line;
use crate::credit::Credit;
use crate::digest::Digest;
use crate::key::PublicKey;
use crate::model_use::ModelUse;
use crate::money::{Amount, Currency};
use crate::receipt::Receipt;
use crate::text::{Id, Message};
use crate::timestamp::Timestamp;

/// One thing that was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// A receipt charged something.
    Charge(Charge),
    /// A credit gave something back.
    Credit(Credited),
    /// The requestor disputes a receipt. It moves no money: a credit may follow.
    Dispute(Disputed),
    /// An invoice was rounded to the currency's minor unit, and what that left over was posted.
    Rounding(Rounded),
}

/// What a receipt charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// The receipt's number, which is its place in the transparency log: 0, 1, 2 and so on.
    pub sequence: u64,
    /// The digest of the receipt's payload.
    pub receipt: Digest,
    /// The requestor's name for the order.
    pub order_id: Id,
    /// Who pays.
    pub requestor: PublicKey,
    /// Who is paid.
    pub provider: PublicKey,
    /// The digest of the job.
    pub job: Digest,
    /// The digest of the program.
    pub module: Digest,
    /// The digest of the rate card.
    pub rate_card: Digest,
    /// The currency of every amount.
    pub currency: Currency,
    /// When the job was started.
    pub started_at: Timestamp,
    /// When it had ended.
    pub ended_at: Timestamp,
    /// How it ended: the `kind` of its outcome.
    pub outcome: String,
    /// The bill's lines, of which the total is the sum.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: Amount,
    /// What the job used of each model, sorted by digest; left out of a job that used none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ChargedModel>,
}

/// What a charge used of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargedModel {
    /// The job's input that it is, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// What was used of it.
    pub used: ModelUse,
}

/// What a credit gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credited {
    /// The provider's name for the credit.
    pub id: Id,
    /// The digest of the credit's payload.
    pub credit: Digest,
    /// The digest of the receipt's payload.
    pub receipt: Digest,
    /// The requestor's name for the order.
    pub order_id: Id,
    /// Who gets it back.
    pub requestor: PublicKey,
    /// Who gives it.
    pub provider: PublicKey,
    /// The digest of the job.
    pub job: Digest,
    /// The currency.
    pub currency: Currency,
    /// How much.
    pub amount: Amount,
    /// Why.
    pub reason: Message,
    /// When.
    pub at: Timestamp,
}

/// What the requestor disputes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disputed {
    /// The digest of the dispute's payload.
    pub dispute: Digest,
    /// The digest of the receipt's payload.
    pub receipt: Digest,
    /// The requestor's name for the order.
    pub order_id: Id,
    /// Who disputes.
    pub requestor: PublicKey,
    /// Who wrote the receipt.
    pub provider: PublicKey,
    /// The digest of the job.
    pub job: Digest,
    /// The currency.
    pub currency: Currency,
    /// The receipt's total.
    pub total: Amount,
    /// In which way it is wrong.
    pub reason: Message,
    /// When.
    pub at: Timestamp,
}

/// What rounding an invoice to the currency's minor unit left over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounded {
    /// The invoice's number.
    pub invoice: Message,
    /// To whom.
    pub requestor: PublicKey,
    /// By whom.
    pub provider: PublicKey,
    /// The currency.
    pub currency: Currency,
    /// Digits after the point of the minor unit.
    pub minor_unit_digits: u32,
    /// Which way it was rounded.
    pub rounding: RoundingKind,
    /// How much, at most half a minor unit.
    pub amount: Amount,
    /// The first moment of the invoice's period.
    pub from: Timestamp,
    /// The last second of the invoice's period. It counts then, so that whatever is of the period comes to what the
    /// invoice says.
    pub at: Timestamp,
}

/// Which way an invoice was rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundingKind {
    /// Less is invoiced than was charged: the provider waives the rest.
    Waived,
    /// More is invoiced than was charged: the requestor pays so much more.
    Added,
}

impl RoundingKind {
    /// Its name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RoundingKind::Waived => "waived",
            RoundingKind::Added => "added",
        }
    }
}

impl Charge {
    /// What billing reads of a receipt of this digest, whose order this requestor signed.
    #[must_use]
    pub fn of(receipt: &Receipt, digest: Digest, requestor: PublicKey) -> Charge {
        let (reproducible, attested) = (receipt.reproducible(), receipt.attested());
        Charge {
            sequence: attested.sequence,
            receipt: digest,
            order_id: attested.order_id.clone(),
            requestor,
            provider: attested.provider_key,
            job: reproducible.job,
            module: reproducible.module,
            rate_card: reproducible.rate_card,
            currency: reproducible.currency,
            started_at: attested.started_at,
            ended_at: attested.ended_at,
            outcome: reproducible.outcome.kind().to_owned(),
            lines: reproducible.lines.clone(),
            total: reproducible.total,
            models: reproducible
                .models
                .iter()
                .map(|used| ChargedModel {
                    input: reproducible
                        .input_of_digest(&used.sha256)
                        .map(str::to_owned),
                    used: *used,
                })
                .collect(),
        }
    }
}

impl Credited {
    /// What billing reads of a credit of this digest, on this charge.
    #[must_use]
    pub fn of(credit: &Credit, digest: Digest, charge: &Charge) -> Credited {
        Credited {
            id: credit.id.clone(),
            credit: digest,
            receipt: credit.receipt,
            order_id: charge.order_id.clone(),
            requestor: charge.requestor,
            provider: charge.provider,
            job: charge.job,
            currency: credit.currency,
            amount: credit.amount,
            reason: credit.reason.clone(),
            at: credit.at,
        }
    }
}

impl Disputed {
    /// What billing reads of a dispute of this digest, on this charge; none if the receipt was accepted.
    #[must_use]
    pub fn of(acceptance: &Acceptance, digest: Digest, charge: &Charge) -> Option<Disputed> {
        let Verdict::Disputed { reason } = &acceptance.verdict else {
            return None;
        };
        Some(Disputed {
            dispute: digest,
            receipt: acceptance.receipt,
            order_id: charge.order_id.clone(),
            requestor: charge.requestor,
            provider: charge.provider,
            job: charge.job,
            currency: charge.currency,
            total: charge.total,
            reason: reason.clone(),
            at: acceptance.at,
        })
    }
}

impl Record {
    /// When it counts: a receipt when its job had ended, what an invoice rounded in its period's last second.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Record::Charge(charge) => charge.ended_at,
            Record::Credit(credited) => credited.at,
            Record::Dispute(disputed) => disputed.at,
            Record::Rounding(rounded) => rounded.at,
        }
    }

    /// Who pays, or is given back.
    #[must_use]
    pub const fn requestor(&self) -> &PublicKey {
        match self {
            Record::Charge(charge) => &charge.requestor,
            Record::Credit(credited) => &credited.requestor,
            Record::Dispute(disputed) => &disputed.requestor,
            Record::Rounding(rounded) => &rounded.requestor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_record_says_what_its_receipt_says_and_comes_back() {
        let receipt = fixture::receipt();
        let requestor = fixture::requestor_key().public().unwrap();
        let charge = Charge::of(&receipt, Digest::of(b"payload"), requestor);
        let amounts = charge.lines.iter().map(|line| line.amount);
        assert_eq!(Amount::sum(amounts).unwrap(), charge.total);
        assert_eq!(charge.total, receipt.reproducible().total);
        let used = Receipt::new(fixture::with_models(), fixture::attested()).unwrap();
        let charged = Charge::of(&used, Digest::of(b"payload"), requestor);
        let names: Vec<_> = charged
            .models
            .iter()
            .map(|it| it.input.as_deref())
            .collect();
        assert!(names.contains(&Some("a.txt")) && names.contains(&None));
        let text = serde_json::to_string(&charged).unwrap();
        assert_eq!(serde_json::from_str::<Charge>(&text).unwrap(), charged);
        let record = Record::Charge(charge);
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }

    #[test]
    fn a_rounding_says_its_kind_by_name() {
        for kind in [RoundingKind::Waived, RoundingKind::Added] {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("\"{}\"", kind.name()));
            assert_eq!(serde_json::from_str::<RoundingKind>(&text).unwrap(), kind);
        }
    }
}
