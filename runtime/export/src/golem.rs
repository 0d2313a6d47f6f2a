//! Writes records as Golem's payments have them: a debit note with the usage vector and an invoice for each
//! receipt, one JSON object a line. Sends nothing.
//!
//! An order is an agreement, its run the one activity of it. Numbers in the usage vector are JSON integers,
//! as Golem has them, and exact as text; amounts are decimal strings.

use std::io::Write;

use meterbox_billing::money::Amount;
use meterbox_billing::record::{Charge, Credited, Disputed, Record};
use meterbox_billing::usage::Meter;
use serde::Serialize;

use crate::error::ExportError;
use crate::linear_model::quantity;
use crate::options::Options;
use crate::selection::Records;

#[derive(Serialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
enum Document<'a> {
    DebitNote {
        issuer_id: String,
        recipient_id: String,
        timestamp: String,
        agreement_id: &'a str,
        activity_id: String,
        usage_counter_vector: Vec<u128>,
        total_amount_due: Amount,
    },
    Invoice {
        issuer_id: String,
        recipient_id: String,
        timestamp: String,
        agreement_id: &'a str,
        activity_ids: [String; 1],
        amount: Amount,
    },
    Credit {
        issuer_id: String,
        recipient_id: String,
        timestamp: String,
        agreement_id: &'a str,
        activity_id: String,
        amount: Amount,
        reason: &'a str,
    },
    Dispute {
        issuer_id: String,
        recipient_id: String,
        timestamp: String,
        agreement_id: &'a str,
        activity_id: String,
        amount: Amount,
        reason: &'a str,
    },
}

/// Writes all records. Without a payment model the vector has all meters, in the order of bills, and the
/// amounts are the receipts' totals; with one both are the model's.
pub fn write(
    records: Records<'_>,
    options: &Options,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    for record in records {
        match record? {
            Record::Charge(charge) => write_charge(&charge, options, out)?,
            Record::Credit(credited) => write_line(&credit(&credited), out)?,
            Record::Dispute(disputed) => write_line(&dispute(&disputed), out)?,
            // An invoice here is of one receipt, and exact.
            Record::Rounding(_) => {}
        }
    }
    Ok(())
}

fn write_line(document: &Document<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    serde_json::to_writer(&mut *out, document)?;
    Ok(out.write_all(b"\n")?)
}

fn write_charge(
    charge: &Charge,
    options: &Options,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let (usage, amount) = match &options.linear_model {
        Some(model) => (model.usage(charge), model.amount(charge)?),
        None => {
            let meters = Meter::ALL.iter().map(|meter| quantity(charge, *meter));
            (meters.collect(), charge.total)
        }
    };
    let activity = charge.receipt.to_string();
    let debit_note = Document::DebitNote {
        issuer_id: charge.provider.to_string(),
        recipient_id: charge.requestor.to_string(),
        timestamp: charge.ended_at.to_string(),
        agreement_id: charge.order_id.as_str(),
        activity_id: activity.clone(),
        usage_counter_vector: usage,
        total_amount_due: amount,
    };
    write_line(&debit_note, out)?;
    let invoice = Document::Invoice {
        issuer_id: charge.provider.to_string(),
        recipient_id: charge.requestor.to_string(),
        timestamp: charge.ended_at.to_string(),
        agreement_id: charge.order_id.as_str(),
        activity_ids: [activity],
        amount,
    };
    write_line(&invoice, out)
}

fn credit(credited: &Credited) -> Document<'_> {
    Document::Credit {
        issuer_id: credited.provider.to_string(),
        recipient_id: credited.requestor.to_string(),
        timestamp: credited.at.to_string(),
        agreement_id: credited.order_id.as_str(),
        activity_id: credited.receipt.to_string(),
        amount: credited.amount,
        reason: credited.reason.as_str(),
    }
}

fn dispute(disputed: &Disputed) -> Document<'_> {
    Document::Dispute {
        issuer_id: disputed.provider.to_string(),
        recipient_id: disputed.requestor.to_string(),
        timestamp: disputed.at.to_string(),
        agreement_id: disputed.order_id.as_str(),
        activity_id: disputed.receipt.to_string(),
        amount: disputed.total,
        reason: disputed.reason.as_str(),
    }
}
