//! What a provider posts besides orders and receipts: budgets, credits, and what requestors say of receipts.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meterbox_billing::credit::{CREDIT_SCHEMA, Credit};
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::Envelope;
use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::receipt::Receipt;
use meterbox_billing::text::{Id, Message};
use meterbox_provider::ledger::{Grant, Posted};

use crate::Ended;
use crate::commands::receipt::read;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, Role, write_file};
use crate::ordering::now;
use crate::ui::{self, Ui};

/// Grant a requestor a budget, or more of it: from then on its jobs may hold no more than what is left.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox ledger grant --id deposit-17 --requestor $(meterbox key show --role requestor) --amount 25 --currency USD"
)]
pub struct GrantArguments {
    /// The grant's name: the same again changes nothing
    #[arg(long, value_name = "ID")]
    id: Id,

    /// Whose budget: its key in hexadecimal digits
    #[arg(long, value_name = "KEY")]
    requestor: PublicKey,

    /// How much
    #[arg(long, value_name = "AMOUNT")]
    amount: Amount,

    /// In which currency
    #[arg(long, value_name = "CODE", default_value = "USD")]
    currency: Currency,

    #[command(flatten)]
    wait: Wait,
}

/// Say what a requestor was granted, what is held, and what is left.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox ledger budget $(meterbox key show --role requestor)")]
pub struct BudgetArguments {
    /// Whose: its key in hexadecimal digits
    requestor: PublicKey,
}

/// Sign that something of a receipt is given back, and post it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox ledger credit --id credit-3 --order file-types-07f1 --amount 0.002 --reason 'it took a day' --out credit.json"
)]
pub struct CreditArguments {
    /// The credit's name, which no other has
    #[arg(long, value_name = "ID")]
    id: Id,

    /// The order whose receipt it is about
    #[arg(long, value_name = "ID")]
    order: Id,

    /// How much is given back: all credits of a receipt are at most its total
    #[arg(long, value_name = "AMOUNT")]
    amount: Amount,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Where the signed document goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    wait: Wait,
}

/// Record what a requestor has signed of a receipt: that it accepts or disputes it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox ledger record dispute.json")]
pub struct RecordArguments {
    /// The acceptance or dispute
    file: PathBuf,

    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
struct Wait {
    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    ledger_wait: u64,
}

impl Wait {
    fn time(&self) -> Duration {
        Duration::from_secs(self.ledger_wait)
    }
}

fn told(posted: Posted, what: &str, ui: &Ui) {
    match posted {
        Posted::New => ui.say(&format!("{what} is recorded")),
        Posted::Before => ui.say(&format!("{what} was recorded before, and is not again")),
    }
}

/// Grants.
pub(super) fn grant(arguments: &GrantArguments, home: &Home, ui: &Ui) -> Ended {
    let mut ledger = home.ledger(arguments.wait.time())?;
    let posted = ledger.grant(&Grant {
        id: arguments.id.clone(),
        requestor: arguments.requestor,
        currency: arguments.currency,
        amount: arguments.amount,
    })?;
    told(posted, "the grant", ui);
    Ok(Exit::Ok)
}

/// Shows what is left.
pub(super) fn budget(arguments: &BudgetArguments, home: &Home) -> Ended {
    let budgets = home.reader()?.budgets(&arguments.requestor)?;
    if budgets.is_empty() {
        ui::print("it has no budget: its jobs are not bounded by one\n")?;
    }
    for budget in &budgets {
        let currency = budget.currency;
        ui::print(&format!(
            "granted {} {currency}, held {}, left {}\n",
            budget.granted, budget.held, budget.left
        ))?;
    }
    Ok(Exit::Ok)
}

/// Gives back.
pub(super) fn credit(arguments: &CreditArguments, home: &Home, ui: &Ui) -> Ended {
    let key = home.key(Role::Provider)?.ok_or_else(|| {
        Failure::new(Exit::File, "there is no provider's key here")
            .hint("name the folder of the provider with --home")
    })?;
    let mut ledger = home.ledger(arguments.wait.time())?;
    let envelope = ledger.receipt(&arguments.order)?.ok_or_else(|| {
        Failure::new(
            Exit::File,
            format!("the order `{}` has no receipt", arguments.order),
        )
        .hint("`meterbox ledger list` shows every order")
    })?;
    let damaged = |error: meterbox_billing::envelope::EnvelopeError| {
        Failure::caused(
            Exit::Ledger,
            "the receipt in the ledger cannot be read",
            &error,
        )
    };
    let sealed = Envelope::from_bytes(&envelope).map_err(damaged)?;
    let receipt: Receipt = sealed.document_unverified().map_err(damaged)?;
    let digest: Digest = sealed.payload_digest().map_err(damaged)?;
    let unsigned = |error: &(dyn std::error::Error + 'static)| {
        Failure::caused(Exit::Fault, "the document cannot be signed", error)
    };
    let credit = Credit {
        schema: CREDIT_SCHEMA,
        id: arguments.id.clone(),
        receipt: digest,
        provider_key: key.public().map_err(|error| unsigned(&error))?,
        currency: receipt.reproducible().currency,
        amount: arguments.amount,
        reason: Message::cut(&arguments.reason),
        at: now(),
    };
    // The same again is the same document, whenever it is asked for: nothing is given back twice because a file
    // could not be written.
    let bytes = match ledger.credit(&arguments.id)? {
        Some(known) if is_same(&known, &credit) => known,
        _ => {
            let sealed = Envelope::seal(&credit, &key).map_err(|error| unsigned(&error))?;
            sealed.to_bytes().map_err(|error| unsigned(&error))?
        }
    };
    let posted = ledger.give_credit(&bytes)?;
    match &arguments.out {
        Some(path) => write_file(path, &bytes)?,
        None => ui::print(&String::from_utf8_lossy(&bytes))?,
    }
    told(posted, "the credit", ui);
    Ok(Exit::Ok)
}

/// Whether a recorded credit says the same but for its time.
fn is_same(known: &[u8], credit: &Credit) -> bool {
    let known = Envelope::from_bytes(known).and_then(|sealed| sealed.document_unverified());
    known.is_ok_and(|known: Credit| {
        let at = credit.at;
        Credit { at, ..known } == *credit
    })
}

/// Records what a requestor says.
pub(super) fn record(arguments: &RecordArguments, home: &Home, ui: &Ui) -> Ended {
    let bytes = read(&arguments.file)?;
    let mut ledger = home.ledger(arguments.wait.time())?;
    let posted = ledger.judge(&bytes)?;
    told(posted, "it", ui);
    Ok(Exit::Ok)
}
