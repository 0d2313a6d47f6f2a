//! `meterbox ledger`: shows what is recorded, checks and copies it, and posts budgets and corrections.

mod post;

use std::path::Path;

use clap::{Args, Subcommand};
use meterbox_billing::text::Id;
use meterbox_provider::ledger::{Entry, Filter, State};
use serde_json::{Value, json};

use super::Format;
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::Home;
use crate::ui::{self, Ui};

/// Show, check and copy what is recorded; grant budgets, give credits and record disputes.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// List orders, the oldest first
    List(ListArguments),
    /// Print the signed receipt of an order
    Receipt(ReceiptArguments),
    Check(CheckArguments),
    Stats(StatsArguments),
    Backup(BackupArguments),
    Grant(post::GrantArguments),
    Budget(post::BudgetArguments),
    Credit(post::CreditArguments),
    Record(post::RecordArguments),
}

/// Add up every account again from the signed documents, and say where the books do not agree.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox ledger check")]
pub struct CheckArguments {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Say how much there is of everything.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox ledger stats")]
pub struct StatsArguments {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Copy the ledger to a new file while it is in use, and check the copy.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox ledger backup /backups/ledger-2026-11-29.sqlite")]
pub struct BackupArguments {
    /// The new file
    file: std::path::PathBuf,
}

/// Print the signed receipt of an order.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox ledger receipt file-types-07f1 > receipt.json")]
pub struct ReceiptArguments {
    /// The order's id
    order_id: Id,
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
}

/// Lists orders, or prints a receipt.
pub fn run(command: &LedgerCommand, home: Option<&Path>, ui: &Ui) -> Ended {
    let home = Home::find(home)?;
    match command {
        // Who has done no job yet may have a budget.
        LedgerCommand::Grant(arguments) => return post::grant(arguments, &home, ui),
        _ => home.reader().map(drop)?,
    }
    match command {
        LedgerCommand::List(arguments) => list(arguments, &home),
        LedgerCommand::Receipt(arguments) => receipt(arguments, &home),
        LedgerCommand::Check(arguments) => check(arguments, &home, ui),
        LedgerCommand::Stats(arguments) => stats(arguments, &home),
        LedgerCommand::Backup(arguments) => backup(arguments, &home, ui),
        LedgerCommand::Grant(arguments) => post::grant(arguments, &home, ui),
        LedgerCommand::Budget(arguments) => post::budget(arguments, &home),
        LedgerCommand::Credit(arguments) => post::credit(arguments, &home, ui),
        LedgerCommand::Record(arguments) => post::record(arguments, &home, ui),
    }
}

fn check(arguments: &CheckArguments, home: &Home, ui: &Ui) -> Ended {
    let findings = {
        let _working = ui.working("adding up");
        home.reader()?.check()?
    };
    if arguments.format == Format::Json {
        let all: Vec<Value> = findings
            .iter()
            .map(|one| json!({ "place": one.place, "problem": one.problem }))
            .collect();
        ui::print(&format!(
            "{:#}\n",
            json!({ "schema": 1, "balances": findings.is_empty(), "findings": all })
        ))?;
    } else if findings.is_empty() {
        ui::print("balances: every account is what the signed documents come to\n")?;
    } else {
        for finding in &findings {
            ui::print(&format!("{finding}\n"))?;
        }
    }
    Ok(if findings.is_empty() {
        Exit::Ok
    } else {
        Exit::Ledger
    })
}

fn stats(arguments: &StatsArguments, home: &Home) -> Ended {
    let found = home.reader()?.stats()?;
    let counts = [
        ("orders", found.orders),
        ("pending", found.pending),
        ("faults", found.faults),
        ("receipts", found.receipts),
        ("credits", found.credits),
        ("accepted", found.accepted),
        ("disputes", found.disputes),
        ("grants", found.grants),
        ("rounded invoices", found.roundings),
        ("requestors", found.requestors),
        ("entries", found.entries),
        ("records", found.records),
        ("checkpoints", found.checkpoints),
        ("unchecked records", found.unchecked_records),
        ("bytes", found.file_bytes),
        ("bytes of the write-ahead log", found.log_bytes),
    ];
    if arguments.format == Format::Json {
        let counts: serde_json::Map<String, Value> = counts
            .iter()
            .map(|(name, count)| (name.replace(' ', "_"), json!(count.to_string())))
            .collect();
        let accounts: Vec<Value> = found
            .provider
            .iter()
            .map(|one| {
                json!({
                    "account": one.account,
                    "currency": one.currency,
                    "negative": one.negative,
                    "amount": one.amount,
                })
            })
            .collect();
        let value = json!({
            "schema": 1,
            "ledger_schema": found.schema,
            "latest": found.latest,
            "counts": counts,
            "provider": accounts,
        });
        ui::print(&format!("{value:#}\n"))?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    for (name, count) in counts {
        text += &format!(
            "{name:30} {:>20}\n",
            crate::report::grouped(&count.to_string())
        );
    }
    for one in &found.provider {
        let sign = if one.negative { "-" } else { "" };
        text += &format!("{:30} {sign}{} {}\n", one.account, one.amount, one.currency);
    }
    ui::print(&text)?;
    Ok(Exit::Ok)
}

fn backup(arguments: &BackupArguments, home: &Home, ui: &Ui) -> Ended {
    let copied = {
        let _working = ui.working("copying");
        home.reader()?.backup(&arguments.file, |_, _| {})?
    };
    ui::print(&format!(
        "copied and checked: {} receipts, {} bytes\n",
        copied.receipts, copied.bytes
    ))?;
    Ok(Exit::Ok)
}

fn receipt(arguments: &ReceiptArguments, home: &Home) -> Ended {
    let receipt = home
        .reader()?
        .receipt(&arguments.order_id)?
        .ok_or_else(|| {
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
    let ledger = home.reader()?;
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
