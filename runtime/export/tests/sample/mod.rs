//! Owns records to export: as a ledger would hand them out, all made from a number, with prices that fit
//! their amounts. Shared by the tests, and by the examples that write a million of them.
#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use meterbox_billing::bill::price;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::{PublicKey, SigningKey};
use meterbox_billing::money::Amount;
use meterbox_billing::rate_card::{RateCard, default_card};
use meterbox_billing::record::{Charge, Credited, Disputed, Record, Rounded, RoundingKind};
use meterbox_billing::text::Message;
use meterbox_billing::timestamp::Timestamp;
use meterbox_billing::usage::{Meter, Usage};

/// A card in another currency, with a minimum that most small jobs do not reach.
const OTHER_CARD: &str = r#"
id = "other"
currency = "EUR"
valid_from = "2026-01-01T00:00:00Z"
valid_until = "2036-01-01T00:00:00Z"
rounding = "half-even"
minor_unit_digits = 2
fee_per_job = "0.000001"
minimum_charge = "0.000005"
cancellation_charge = "0.0001"
[prices]
instructions = "0.0000000000000001234567"
bytes_out = "0.00000000003"
"#;

/// An hour and a half before a month ends.
pub const BEGIN: u64 = 1_796_077_800;

/// Makers of records.
pub struct Sample {
    provider: PublicKey,
    requestors: Vec<PublicKey>,
    cards: [(RateCard, Digest); 2],
    jobs: Vec<Digest>,
    /// Seconds from one receipt to the next, in thousandths.
    step_ms: u64,
}

pub fn key(number: u64) -> PublicKey {
    let seed = Digest::of(&number.to_le_bytes());
    SigningKey::from_bytes(seed.as_bytes()).public().unwrap()
}

/// The charge of this number, of the smallest sample.
pub fn charge(number: u64) -> Charge {
    Sample::new(3, 120_000).charge(number)
}

/// A number that looks like no other (splitmix64).
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Sample {
    pub fn new(requestors: u64, step_ms: u64) -> Self {
        let with_digest = |card: RateCard| {
            let digest = card.digest().unwrap();
            (card, digest)
        };
        Self {
            provider: key(1_000_000),
            requestors: (0..requestors).map(key).collect(),
            cards: [
                with_digest(default_card().unwrap()),
                with_digest(RateCard::from_toml(OTHER_CARD).unwrap()),
            ],
            jobs: (0..5_u8).map(|job| Digest::of(&[b'j', job])).collect(),
            step_ms,
        }
    }

    pub fn charge(&self, number: u64) -> Charge {
        let random = mixed(number);
        let pick = |count: usize, shift: u32| {
            usize::try_from((random >> shift) % u64::try_from(count).unwrap()).unwrap()
        };
        let requestor = pick(self.requestors.len(), 8);
        // One requestor in eight has agreed on the other card.
        let (card, card_digest) = &self.cards[usize::from(requestor % 8 == 1)];
        let mut usage = Usage {
            instructions: u128::from(random % 40_000_000_000 + 1),
            memory_page_instructions: u128::from(random % 40_000_000_000) * 17,
            host_calls: u128::from(random >> 50),
            bytes_in: u128::from(random >> 44),
            bytes_out: u128::from(random >> 46),
            admission_units: u128::from(random >> 48),
            ..Usage::default()
        };
        if number % 4 == 3 {
            usage.set(Meter::InferenceOpsF32, u128::from(random >> 20));
            usage.set(Meter::InferenceWeightBytes, u128::from(random >> 30));
        }
        let bill = price(&usage, card).unwrap();
        // Now and then the clock is set back.
        let back = if number % 97 == 96 { 7_200 } else { 0 };
        let ended = BEGIN + number * self.step_ms / 1_000 - back;
        Charge {
            sequence: number,
            receipt: Digest::of(&[b"receipt".as_slice(), &number.to_le_bytes()].concat()),
            order_id: format!("order-{number}").parse().unwrap(),
            requestor: self.requestors[requestor],
            provider: self.provider,
            job: self.jobs[pick(self.jobs.len(), 16)],
            module: Digest::of(b"module"),
            rate_card: *card_digest,
            currency: card.currency(),
            started_at: Timestamp::from_unix_seconds(ended - random % 100).unwrap(),
            ended_at: Timestamp::from_unix_seconds(ended).unwrap(),
            outcome: if random.is_multiple_of(10) {
                "trapped"
            } else {
                "ok"
            }
            .to_owned(),
            lines: bill.lines,
            total: bill.total,
            models: Vec::new(),
        }
    }

    /// A charge, and after some of them a credit, a dispute or what an invoice rounded.
    pub fn of_number(&self, number: u64) -> Vec<Record> {
        let charge = self.charge(number);
        let digest = Digest::of(&[b"document".as_slice(), &number.to_le_bytes()].concat());
        let later = charge.ended_at.unix_seconds() + 600;
        let later = Timestamp::from_unix_seconds(later).unwrap();
        // Words of a stranger who has read how spreadsheets and journals work.
        let words = "=HYPERLINK(\"x\"),\n date:2026-99-99 \"slow\"; \u{7} 遅い";
        let other = match number % 23 {
            7 => Some(Record::Dispute(Disputed {
                dispute: digest,
                receipt: charge.receipt,
                order_id: charge.order_id.clone(),
                requestor: charge.requestor,
                provider: charge.provider,
                job: charge.job,
                currency: charge.currency,
                total: charge.total,
                reason: Message::cut(words),
                at: later,
            })),
            11 => Some(Record::Credit(Credited {
                id: format!("credit-{number}").parse().unwrap(),
                credit: digest,
                receipt: charge.receipt,
                order_id: charge.order_id.clone(),
                requestor: charge.requestor,
                provider: charge.provider,
                job: charge.job,
                currency: charge.currency,
                amount: Amount::from_units(charge.total.units() / 3),
                reason: Message::cut(words),
                at: later,
            })),
            17 => Some(Record::Rounding(Rounded {
                invoice: Message::cut(&format!("RE 2026/{number}, \"{}\"", charge.requestor)),
                requestor: charge.requestor,
                provider: charge.provider,
                currency: charge.currency,
                minor_unit_digits: 2,
                rounding: if number.is_multiple_of(2) {
                    RoundingKind::Added
                } else {
                    RoundingKind::Waived
                },
                amount: Amount::from_units(u128::from(number) * 100_000_000_000_001),
                from: charge.started_at,
                at: charge.ended_at,
            })),
            _ => None,
        };
        [Record::Charge(charge)].into_iter().chain(other).collect()
    }

    /// So many charges with what belongs to them, in posted order.
    pub fn records(
        &self,
        charges: u64,
    ) -> impl Iterator<Item = Result<Record, std::convert::Infallible>> + '_ {
        (0..charges)
            .flat_map(|number| self.of_number(number))
            .map(Ok)
    }
}
