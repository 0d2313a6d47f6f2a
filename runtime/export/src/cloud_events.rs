//! Writes rows as CloudEvents 1.0 in JSON, as OpenMeter reads them: one type a meter, the count in
//! `data.value`. Sends nothing.

use serde::Serialize;

use crate::digits::{self, Signed};
use crate::error::ExportError;
use crate::event::{self, Event};
use crate::options::Options;
use crate::row::{Entry, Receipts, Row};

/// What every `type` begins with.
pub const TYPE_PREFIX: &str = "dev.meterbox.";

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: String,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
}

/// Numbers are strings: JSON readers round them.
#[derive(Serialize, Default)]
struct Data<'a> {
    value: String,
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<String>,
    amount: String,
    currency: String,
    provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_card: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipts_root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// The event of a row. Every row has one; a credit's value is its amount, a dispute's is the receipt's total.
pub fn event(row: &Row, options: &Options, id: String) -> Result<Option<Event>, ExportError> {
    let (what, data) = data(row);
    let subject = match event::customer(&row.requestor, options) {
        Some(customer) => customer.to_owned(),
        None => row.requestor.to_string(),
    };
    let body = serde_json::to_string(&CloudEvent {
        specversion: "1.0",
        id: &id,
        source: &options.event_source,
        r#type: format!("{TYPE_PREFIX}{what}"),
        subject,
        time: row.at()?.to_string(),
        datacontenttype: "application/json",
        data,
    })?;
    Ok(Some(Event { id, body }))
}

fn data(row: &Row) -> (&'static str, Data<'_>) {
    let (receipt, receipts_root, receipts) = match &row.receipts {
        Receipts::One(one) => (Some(one.digest.to_string()), None, None),
        Receipts::Hour(hour) => (
            None,
            Some(hour.root.to_string()),
            Some(hour.count.to_string()),
        ),
        Receipts::None => (None, None, None),
    };
    let common = Data {
        amount: digits::signed(row.amount()),
        currency: row.currency.code(),
        provider: row.provider.to_string(),
        receipt,
        receipts_root,
        receipts,
        job: row.job().map(|job| job.to_string()),
        ..Data::default()
    };
    match &row.entry {
        Entry::Usage(usage) => (
            usage.item.name(),
            Data {
                value: usage.quantity.to_string(),
                unit: usage.item.unit(),
                unit_price: usage.unit_price.map(|price| price.to_string()),
                rate_card: Some(usage.rate_card.to_string()),
                ..common
            },
        ),
        Entry::Credit { amount, reason, .. } => (
            "credit",
            Data {
                value: digits::signed(Signed::plus(*amount)),
                unit: "currency",
                reason: Some(reason),
                ..common
            },
        ),
        Entry::Rounding {
            invoice, amount, ..
        } => (
            "rounding",
            Data {
                value: digits::signed(*amount),
                unit: "currency",
                invoice: Some(invoice),
                ..common
            },
        ),
        Entry::Dispute { total, reason, .. } => (
            "dispute",
            Data {
                value: digits::signed(Signed::plus(*total)),
                unit: "currency",
                reason: Some(reason),
                ..common
            },
        ),
    }
}
