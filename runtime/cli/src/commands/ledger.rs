//! `meterbox ledger`: shows what is recorded.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use meterbox_billing::text::Id;
use meterbox_provider::ledger::{Entry, Filter, State};
use serde_json::{Value, json};

use super::Format;
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::Home;
use crate::ui;

/// Show what is recorded.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// List orders, the oldest first
    List(ListArguments),
    /// Print the signed receipt of an order
    Receipt(ReceiptArguments),
}

/// Print the signed receipt of an order.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox ledger receipt file-types-07f1 > receipt.json")]
pub struct ReceiptArguments {
    /// The order's id
    order_id: Id,

    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    ledger_wait: u64,
}

/// List orders, the oldest first.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox ledger list --last 20")]
pub struct ListArguments {
    /// Only the order of this id
    #[arg(long, value_name = "ID")]
    order_id: Option<Id>,

    /// Only the newest ones, at most this many
    #[arg(long, value_name = "N")]
    last: Option<u32>,

    /// How to print them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    ledger_wait: u64,
}

/// Lists orders, or prints a receipt.
pub fn run(command: &LedgerCommand, home: Option<&Path>) -> Ended {
    let home = Home::find(home)?;
    if !home.has_ledger() {
        return Err(Failure::new(
            Exit::Ledger,
            format!("there is no ledger `{}`", home.ledger_path().display()),
        )
        .hint("run a job first, or name another folder with --home"));
    }
    match command {
        LedgerCommand::List(arguments) => list(arguments, &home),
        LedgerCommand::Receipt(arguments) => receipt(arguments, &home),
    }
}

fn receipt(arguments: &ReceiptArguments, home: &Home) -> Ended {
    let ledger = home.ledger(Duration::from_secs(arguments.ledger_wait))?;
    let receipt = ledger.receipt(&arguments.order_id)?.ok_or_else(|| {
        Failure::new(
            Exit::File,
            format!("the order `{}` has no receipt", arguments.order_id),
        )
        .hint("`meterbox ledger list` shows every order")
    })?;
    ui::print(&String::from_utf8_lossy(&receipt))?;
    Ok(Exit::Ok)
}

fn list(arguments: &ListArguments, home: &Home) -> Ended {
    let ledger = home.ledger(Duration::from_secs(arguments.ledger_wait))?;
    let filter = Filter {
        order_id: arguments.order_id.clone(),
        last: arguments.last,
        ..Filter::default()
    };
    let entries = ledger.list(&filter)?;
    if arguments.format == Format::Json {
        let entries: Vec<Value> = entries.iter().map(json_of).collect();
        ui::print(&format!(
            "{:#}\n",
            json!({ "schema": 1, "orders": entries })
        ))?;
        return Ok(Exit::Ok);
    }
    for entry in &entries {
        let state = match &entry.state {
            State::Pending { held } => format!("pending, holds {held}"),
            State::Done {
                sequence, charged, ..
            } => format!("receipt {sequence}, charged {charged}"),
            State::Faulted { reason } => format!("not billed: {}", reason.as_str()),
        };
        ui::print(&format!("{}  {state} {}\n", entry.order_id, entry.currency))?;
    }
    Ok(Exit::Ok)
}

fn json_of(entry: &Entry) -> Value {
    let state = match &entry.state {
        State::Pending { held } => json!({ "kind": "pending", "held": held }),
        State::Done {
            sequence,
            receipt,
            charged,
        } => {
            json!({ "kind": "done", "sequence": sequence.to_string(), "receipt": receipt, "charged": charged })
        }
        State::Faulted { reason } => json!({ "kind": "faulted", "reason": reason }),
    };
    json!({
        "id": entry.order_id,
        "order": entry.order,
        "requestor": entry.requestor,
        "currency": entry.currency,
        "state": state,
    })
}
