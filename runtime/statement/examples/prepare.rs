//! Writes what this crate makes of a month of made-up records into a folder, for foreign validators and for
//! looking at: `cargo run -p meterbox-statement --example prepare -- FOLDER [RECORDS]`.

use std::error::Error;
use std::fs;
use std::path::Path;

use meterbox_billing::bill::price;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::{PublicKey, SigningKey};
use meterbox_billing::model_use::ModelUse;
use meterbox_billing::money::Amount;
use meterbox_billing::rate_card::RateCard;
use meterbox_billing::record::{
    Charge, ChargedModel, Credited, Disputed, Record, Rounded, RoundingKind,
};
use meterbox_billing::text::Message;
use meterbox_billing::timestamp::Timestamp;
use meterbox_billing::usage::Usage;
use meterbox_statement::invoice::{Request, invoice};
use meterbox_statement::invoice_page::invoice_page;
use meterbox_statement::period::Period;
use meterbox_statement::report::{Scope, report};
use meterbox_statement::report_page::report_page;
use meterbox_statement::settings::Settings;
use meterbox_statement::ubl::ubl;

type Failure = Box<dyn Error>;

const CARD: &str = include_str!("../../billing/rate-cards/default.toml");

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn key(seed: u8) -> Result<PublicKey, Failure> {
    Ok(SigningKey::from_bytes(&[seed; 32]).public()?)
}

fn card(currency: &str) -> Result<RateCard, Failure> {
    let text = CARD.replace("\"USD\"", &format!("\"{currency}\""));
    Ok(RateCard::from_toml(&text)?)
}

/// What all charges by a card have in common.
struct Books {
    card: RateCard,
    digest: Digest,
    keys: Vec<PublicKey>,
}

impl Books {
    fn of(card: &RateCard) -> Result<Self, Failure> {
        let keys = (8..18).map(key).collect::<Result<_, _>>()?;
        Ok(Self {
            card: card.clone(),
            digest: card.digest()?,
            keys,
        })
    }
}

/// One charge: who orders what how often differs, as does the time of day.
fn charge(numbers: &mut Numbers, sequence: u64, books: &Books) -> Result<Charge, Failure> {
    let (day, hour) = (numbers.below(31), numbers.below(12) + numbers.below(13));
    let at = 1_767_225_600 + day * 86_400 + hour * 3_600 + numbers.below(3_600);
    let who = numbers.below(4) * numbers.below(4);
    let program = numbers.below(5);
    let job = program * 10 + numbers.below(10);
    let spike = if day == 20 && hour == 3 { 900 } else { 1 };
    let instructions = u128::from((job + 1) * 3_000_000_000_000 * spike);
    let usage = Usage {
        instructions,
        memory_page_instructions: instructions * u128::from(program * 40 + 16),
        bytes_in: u128::from(job * 91_234_567),
        bytes_out: u128::from(job * 1_234_567),
        host_calls: u128::from(job * 7_000),
        inference_ops_f32: if program == 4 { instructions / 2 } else { 0 },
        ..Usage::default()
    };
    let bill = price(&usage, &books.card)?;
    let outcomes = ["ok", "failed", "trapped", "limit"];
    let bad = if program == 3 {
        numbers.below(6)
    } else {
        numbers.below(60)
    };
    let outcome = usize::try_from(bad)
        .ok()
        .and_then(|index| outcomes.get(index))
        .unwrap_or(&"ok");
    Ok(Charge {
        sequence,
        receipt: Digest::of(&sequence.to_be_bytes()),
        order_id: format!("batch-{day}/order-{sequence}").parse()?,
        requestor: *books.keys.get(usize::try_from(who)?).ok_or("no such key")?,
        provider: *books.keys.last().ok_or("no key")?,
        job: Digest::of(format!("job {job} {spike}").as_bytes()),
        module: Digest::of(format!("program {program}").as_bytes()),
        rate_card: books.digest,
        currency: books.card.currency(),
        started_at: Timestamp::from_unix_seconds(at)?,
        ended_at: Timestamp::from_unix_seconds(at)?,
        outcome: (*outcome).to_owned(),
        lines: bill.lines,
        total: bill.total,
        models: models(program, &usage),
    })
}

/// What two models used, of which one is an input.
fn models(program: u64, usage: &Usage) -> Vec<ChargedModel> {
    let used = |name: &str, operations| ChargedModel {
        input: (name == "detector").then(|| format!("models/{name}.onnx")),
        used: ModelUse {
            calls: 3,
            inference_ops_f32: operations,
            ..ModelUse::nothing(Digest::of(name.as_bytes()))
        },
    };
    let detector = usage.inference_ops_f32 / 3;
    let reader = usage.inference_ops_f32.saturating_sub(detector);
    match program {
        4 => vec![used("detector", detector), used("reader", reader)],
        _ => Vec::new(),
    }
}

fn credit(charge: &Charge, amount: &str) -> Result<Record, Failure> {
    Ok(Record::Credit(Credited {
        id: format!("credit-{}", charge.sequence).parse()?,
        credit: Digest::of(charge.receipt.as_bytes()),
        receipt: charge.receipt,
        order_id: charge.order_id.clone(),
        requestor: charge.requestor,
        provider: charge.provider,
        job: charge.job,
        currency: charge.currency,
        amount: amount.parse()?,
        reason: Message::cut("goodwill: the disk was slow & the job <resize> had to wait"),
        at: charge.ended_at,
    }))
}

fn dispute(charge: &Charge) -> Record {
    Record::Dispute(Disputed {
        dispute: Digest::of(charge.receipt.as_bytes()),
        receipt: charge.receipt,
        order_id: charge.order_id.clone(),
        requestor: charge.requestor,
        provider: charge.provider,
        job: charge.job,
        currency: charge.currency,
        total: charge.total,
        reason: Message::cut("usage.instructions is 41, and my own run says 40"),
        at: charge.ended_at,
    })
}

fn rounding(charge: &Charge) -> Record {
    Record::Rounding(Rounded {
        invoice: Message::cut(&format!("MB-{}", charge.sequence)),
        requestor: charge.requestor,
        provider: charge.provider,
        currency: charge.currency,
        minor_unit_digits: 2,
        rounding: RoundingKind::Waived,
        amount: Amount::from_units(1_234_567_890_123_456),
        from: charge.started_at,
        at: charge.ended_at,
    })
}

fn records(count: u64, card: &RateCard) -> Result<impl Iterator<Item = Record> + use<>, Failure> {
    let mut numbers = Numbers(7);
    let books = Books::of(card)?;
    let make = move |sequence| {
        let charge = charge(&mut numbers, sequence, &books).ok()?;
        let after = match sequence % 97 {
            5 => credit(&charge, "0.0005").ok(),
            6 => Some(dispute(&charge)),
            7 => Some(rounding(&charge)),
            _ => None,
        };
        Some([Some(Record::Charge(charge)), after].into_iter().flatten())
    };
    Ok((0..count).filter_map(make).flatten())
}

const SELLER: &str = r#"
number_prefix = "MB-"
[seller]
name = "Rechenwerk & Söhne GmbH"
street = "Torstraße 1"
city = "Berlin"
postal_code = "10115"
country = "DE"
vat_id = "DE123456789"
registration = "HRB 1234 B"
email = "billing@example.org"
[payment]
iban = "DE89370400440532013000"
bic = "COBADEFFXXX"
days = 14
"#;

fn settings(tax: &str, with_ids: bool) -> Result<Settings, Failure> {
    let buyer = format!(
        "[[buyers]]\nkey = \"{}\"\nreference = \"PO-2026-7\"\n[buyers.party]\n\
         name = \"Bild <und> Ton Gesellschaft\"\nstreet = \"Mariahilfer Straße 2\"\ncity = \"Wien\"\n\
         postal_code = \"1060\"\ncountry = \"AT\"\nvat_id = \"ATU12345678\"\n",
        key(8)?
    );
    let mut text = format!("{SELLER}{buyer}[tax]\n{tax}\n");
    if tax.contains("small business") {
        let iban = "iban = \"DE89370400440532013000\"\nbic = \"COBADEFFXXX\"\n";
        text = text.replace(iban, "terms = \"Cash on the nail\"\n");
        text = text.replace(
            "vat_id = \"DE123456789\"\n",
            "tax_number = \"12/345/67890\"\n",
        );
    }
    if !with_ids {
        text = text
            .replace("vat_id = \"DE123456789\"\n", "")
            .replace("vat_id = \"ATU12345678\"\n", "");
    }
    Ok(Settings::from_toml(&text)?)
}

fn write_invoices(folder: &Path, count: u64) -> Result<(), Failure> {
    let reason = "reason = \"Reverse charge: the recipient owes the tax\"";
    for (name, tax, with_ids, currency, back) in [
        (
            "standard",
            "category = \"S\"\nrate = \"19\"",
            true,
            "EUR",
            None,
        ),
        (
            "reduced",
            "category = \"S\"\nrate = \"7.75\"",
            true,
            "USD",
            None,
        ),
        ("yen", "category = \"Z\"", true, "JPY", None),
        (
            "exempt",
            "category = \"E\"\nreason = \"small business\"",
            true,
            "EUR",
            None,
        ),
        (
            "reverse-charge",
            &format!("category = \"AE\"\n{reason}"),
            true,
            "EUR",
            None,
        ),
        (
            "export",
            "category = \"G\"\nreason = \"Export outside the EU\"",
            true,
            "CHF",
            None,
        ),
        (
            "outside",
            "category = \"O\"\nreason = \"Outside the scope\"",
            false,
            "EUR",
            None,
        ),
        (
            "credit-note",
            "category = \"S\"\nrate = \"19\"",
            true,
            "EUR",
            Some("250000.125"),
        ),
        (
            "credit-only",
            "category = \"S\"\nrate = \"19\"",
            true,
            "EUR",
            Some("0.126"),
        ),
    ] {
        let digits = if currency == "JPY" {
            "minor_unit_digits = 0"
        } else {
            "minor_unit_digits = 2"
        };
        let text = CARD.replace("\"USD\"", &format!("\"{currency}\""));
        let card = RateCard::from_toml(&text.replace("minor_unit_digits = 2", digits))?;
        let mut all: Vec<_> = match name {
            "credit-only" => Vec::new(),
            _ => records(count, &card)?.collect(),
        };
        if let Some(amount) = back {
            let mut charge = charge(&mut Numbers(1), 1_000_000, &Books::of(&card)?)?;
            charge.requestor = key(8)?;
            all.push(credit(&charge, amount)?);
        }
        let request = Request {
            period: period()?,
            requestor: key(8)?,
            currency: None,
            number: None,
            issued_at: "2026-02-02T09:00:00Z".parse()?,
            cards: &[card],
        };
        let made = invoice(all, &request, &settings(tax, with_ids)?)?;
        fs::write(folder.join(format!("{name}.xml")), ubl(&made)?)?;
        fs::write(folder.join(format!("{name}.html")), invoice_page(&made))?;
    }
    Ok(())
}

fn period() -> Result<Period, Failure> {
    Ok(Period::new(
        "2026-01-01T00:00:00Z".parse()?,
        "2026-02-01T00:00:00Z".parse()?,
    )?)
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: prepare FOLDER [RECORDS]")?;
    let count = arguments.next().map_or(Ok(3_000), |count| count.parse())?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    write_invoices(folder, count.min(3_000))?;
    let scope = Scope {
        period: period()?,
        requestor: None,
    };
    let month = report(records(count, &card("USD")?)?, &scope)?;
    fs::write(folder.join("report.html"), report_page(&month))?;
    let day = Period::new(
        "2026-01-21T00:00:00Z".parse()?,
        "2026-01-22T00:00:00Z".parse()?,
    )?;
    let scope = Scope {
        period: day,
        requestor: None,
    };
    let day = report(records(count, &card("EUR")?)?, &scope)?;
    fs::write(folder.join("report-day.html"), report_page(&day))?;
    let both = records(40, &card("USD")?)?.chain(records(20, &card("EUR")?)?);
    let scope = Scope {
        period: period()?,
        requestor: Some(key(8)?),
    };
    fs::write(
        folder.join("report-requestor.html"),
        report_page(&report(both, &scope)?),
    )?;
    let scope = Scope {
        period: period()?,
        requestor: None,
    };
    fs::write(
        folder.join("report-empty.html"),
        report_page(&report([], &scope)?),
    )?;
    Ok(())
}
