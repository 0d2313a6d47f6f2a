//! Owns the sample records of the unit tests.

use meterbox_billing::bill::price;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::{PublicKey, SigningKey};
use meterbox_billing::rate_card::RateCard;
use meterbox_billing::record::{Charge, Credited, Disputed, Record};
use meterbox_billing::text::Message;
use meterbox_billing::timestamp::Timestamp;
use meterbox_billing::usage::Usage;

use crate::period::Period;
use crate::settings::Settings;

pub fn key(seed: u8) -> PublicKey {
    SigningKey::from_bytes(&[seed; 32]).public().unwrap()
}

pub fn provider() -> PublicKey {
    key(7)
}

pub fn requestor() -> PublicKey {
    key(8)
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn january() -> Period {
    Period::new(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")).unwrap()
}

pub fn card_in(currency: &str, digits: u32) -> RateCard {
    RateCard::from_toml(&format!(
        "id = \"test\"\ncurrency = \"{currency}\"\nrounding = \"half-even\"\nminor_unit_digits = {digits}\n\
         valid_from = \"2026-01-01T00:00:00Z\"\nvalid_until = \"2036-01-01T00:00:00Z\"\n\
         fee_per_job = \"0.001\"\nminimum_charge = \"0.005\"\n[prices]\n\
         instructions = \"0.00000000000000022\"\nbytes_in = \"0.00000000002\"\n\
         memory_page_instructions = \"0.0000000000000000000008\"\n"
    ))
    .unwrap()
}

pub fn card() -> RateCard {
    card_in("EUR", 2)
}

pub fn usage(instructions: u128) -> Usage {
    Usage {
        instructions,
        memory_page_instructions: instructions.saturating_mul(17),
        bytes_in: instructions / 1_000,
        ..Usage::default()
    }
}

/// A charge of some usage by a card, at a moment.
pub fn charge_by(card: &RateCard, sequence: u64, instructions: u128, when: &str) -> Charge {
    let bill = price(&usage(instructions), card).unwrap();
    Charge {
        sequence,
        receipt: Digest::of(&sequence.to_be_bytes()),
        order_id: format!("order-{sequence}").parse().unwrap(),
        requestor: requestor(),
        provider: provider(),
        job: Digest::of(format!("job-{}", sequence % 5).as_bytes()),
        module: Digest::of(format!("module-{}", sequence % 3).as_bytes()),
        rate_card: card.digest().unwrap(),
        currency: card.currency(),
        started_at: at(when),
        ended_at: at(when),
        outcome: "ok".to_owned(),
        lines: bill.lines,
        total: bill.total,
        models: Vec::new(),
    }
}

pub fn charge(sequence: u64, instructions: u128, when: &str) -> Charge {
    charge_by(&card(), sequence, instructions, when)
}

pub fn credit(charge: &Charge, amount: &str, when: &str) -> Record {
    Record::Credit(Credited {
        id: format!("credit-{}", charge.sequence).parse().unwrap(),
        credit: Digest::of(b"credit"),
        receipt: charge.receipt,
        order_id: charge.order_id.clone(),
        requestor: charge.requestor,
        provider: charge.provider,
        job: charge.job,
        currency: charge.currency,
        amount: amount.parse().unwrap(),
        reason: Message::cut("the machine was slow & <late>"),
        at: at(when),
    })
}

pub fn dispute(charge: &Charge, when: &str) -> Record {
    Record::Dispute(Disputed {
        dispute: Digest::of(b"dispute"),
        receipt: charge.receipt,
        order_id: charge.order_id.clone(),
        requestor: charge.requestor,
        provider: charge.provider,
        job: charge.job,
        currency: charge.currency,
        total: charge.total,
        reason: Message::cut("usage.instructions differs <script>alert(1)</script>"),
        at: at(when),
    })
}

pub fn settings_text(tax: &str) -> String {
    format!(
        "number_prefix = \"MB-\"\n\
         [seller]\nname = \"Rechenwerk GmbH\"\nstreet = \"Weg 1\"\ncity = \"Berlin\"\npostal_code = \"10115\"\n\
         country = \"DE\"\nvat_id = \"DE123456789\"\nregistration = \"HRB 1234\"\nemail = \"a@example.org\"\n\
         [tax]\n{tax}\n\
         [payment]\niban = \"DE89370400440532013000\"\nbic = \"COBADEFFXXX\"\ndays = 14\n\
         [[buyers]]\nkey = \"{}\"\nreference = \"PO-7\"\n[buyers.party]\nname = \"Müller & Söhne <Nord>\"\n\
         street = \"Gasse 2\"\ncity = \"Wien\"\npostal_code = \"1010\"\ncountry = \"AT\"\nvat_id = \"ATU12345678\"\n",
        requestor()
    )
}

pub fn settings() -> Settings {
    Settings::from_toml(&settings_text("category = \"S\"\nrate = \"19\"")).unwrap()
}
