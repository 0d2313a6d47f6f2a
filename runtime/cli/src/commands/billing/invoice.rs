//! `meterbox billing invoice`: what a requestor owes of a period, as UBL and for people.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::Currency;
use meterbox_billing::text::Id;
use meterbox_billing::timestamp::Timestamp;
use meterbox_provider::ledger::Posted;
use meterbox_statement::invoice::{Invoice, Request, invoice};
use meterbox_statement::invoice_page::invoice_page;
use meterbox_statement::period::Period;
use meterbox_statement::settings::Settings;
use meterbox_statement::ubl::ubl;

use super::report::records;
use super::{Selection, parse_time};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, write_file};
use crate::ordering::now;
use crate::program::read_at_most;
use crate::ui::{self, Ui};
use crate::{Ended, rates};

/// Settings name the buyers, and there may be many.
const SETTINGS_BYTES_MAX: u64 = 16 << 20;

/// Write what a requestor owes of a period, as UBL 2.1 (EN 16931) or as a page.
///
/// Lines are rounded so that they add up to the exact sum, rounded once as the rate card says. What that leaves over is
/// said, and with `--post` posted to the ledger, once for each number. Credits of the period are taken off; where they
/// are more than what was charged, it is a credit note.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox billing invoice --requestor $(meterbox key show --role requestor) --from 2026-11-01 --to 2026-12-01 --settings invoices.toml --post --out november.xml"
)]
pub struct InvoiceArguments {
    /// Who pays: its key in hexadecimal digits
    #[arg(long, value_name = "KEY")]
    requestor: PublicKey,

    /// The beginning of the period: a day, or a moment
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Timestamp,

    /// The first moment after it
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Timestamp,

    /// Who sells and who buys, taxes and terms: a TOML file
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,

    /// A rate card that was in force; repeatable [default: the built-in one]
    #[arg(long = "rate-card", value_name = "FILE")]
    rate_cards: Vec<PathBuf>,

    /// The currency, where there are charges in several
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,

    /// The invoice's number [default: made of requestor, period and currency]
    #[arg(long, value_name = "ID")]
    number: Option<Id>,

    /// When it is issued [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    issued: Option<Timestamp>,

    /// The form
    #[arg(long, value_enum, default_value = "ubl")]
    format: Form,

    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Post what rounding leaves over: it is an invoice then, and a draft without
    #[arg(long)]
    post: bool,

    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10", requires = "post")]
    ledger_wait: u64,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// UBL 2.1, for programs.
    Ubl,
    /// A page, for people.
    Html,
}

/// Writes the invoice.
pub(super) fn run(arguments: &InvoiceArguments, home: &Home, ui: &Ui) -> Ended {
    let bytes = read_at_most(&arguments.settings, SETTINGS_BYTES_MAX)?;
    let text =
        String::from_utf8(bytes).map_err(|error| Failure::reading(&arguments.settings, &error))?;
    let settings = Settings::from_toml(&text).map_err(|error| {
        let message = format!("`{}` cannot be used", arguments.settings.display());
        Failure::caused(Exit::Usage, message, &error)
    })?;
    let cards = match &arguments.rate_cards[..] {
        [] => vec![rates::card(None)?],
        paths => paths
            .iter()
            .map(|path| rates::card(Some(path)))
            .collect::<Result<_, _>>()?,
    };
    let period = Period::new(arguments.from, arguments.to)
        .map_err(|error| Failure::caused(Exit::Usage, "there is no such period", &error))?;
    let issued_at = arguments.issued.unwrap_or_else(now);
    if issued_at < arguments.to || now() < arguments.to {
        return Err(Failure::new(
            Exit::Refused,
            format!("the period ends at {}, and is not over", arguments.to),
        )
        .hint("an invoice is of what cannot become more: wait, or name an earlier end with --to"));
    }
    if let Some(path) = arguments.out.as_ref().filter(|path| path.is_file()) {
        return Err(
            Failure::new(Exit::File, format!("`{}` exists already", path.display()))
                .hint("move it away, or name another file"),
        );
    }
    let request = Request {
        period,
        requestor: arguments.requestor,
        currency: arguments.currency,
        number: arguments.number.as_ref(),
        issued_at,
        cards: &cards,
    };
    let selection = Selection {
        from: Some(arguments.from),
        to: Some(arguments.to),
        requestor: Some(arguments.requestor),
    };
    let reader = home.reader()?;
    let made = records(&selection, &reader, |records| {
        invoice(records, &request, &settings)
    })?;
    let invoice = made.map_err(|error| {
        Failure::caused(Exit::Refused, "there is no such invoice", &error).maybe_hint(error.hint())
    })?;
    let written = match arguments.format {
        Form::Ubl => ubl(&invoice).map_err(|error| {
            Failure::caused(Exit::Fault, "the invoice cannot be written", &error)
        })?,
        Form::Html => invoice_page(&invoice).into_bytes(),
    };
    // Posted before it is released: where writing it fails, the same again posts nothing more.
    let posted = match &invoice.posting {
        Some(posting) if arguments.post => {
            let mut ledger = home.ledger(Duration::from_secs(arguments.ledger_wait))?;
            Some(ledger.post_rounding(&posting.rounded)?)
        }
        _ => None,
    };
    match &arguments.out {
        Some(path) => write_file(path, &written)?,
        None => ui::print(&String::from_utf8_lossy(&written))?,
    }
    ui.say(&said(&invoice, posted));
    Ok(Exit::Ok)
}

/// What became of what rounding left over.
fn said(invoice: &Invoice, posted: Option<Posted>) -> String {
    let number = &invoice.number;
    let Some(posting) = &invoice.posting else {
        return format!("note: rounding invoice {number} leaves nothing over");
    };
    let rounded = &posting.rounded;
    let left = format!(
        "{} {} {}",
        rounded.amount,
        rounded.currency,
        rounded.rounding.name()
    );
    match posted {
        Some(Posted::New) => format!("the rounding of invoice {number} is posted: {left}"),
        Some(Posted::Before) => {
            format!("the rounding of invoice {number} was posted before, and is not again: {left}")
        }
        None => {
            format!("note: this is a draft; invoice {number} rounds {left}, which --post posts")
        }
    }
}
