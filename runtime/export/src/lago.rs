//! Writes rows as Lago's usage events: the code is the meter, the exact price of it goes along in cents.
//! Sends nothing.

use serde::Serialize;

use crate::digits::{self, Point, Signed};
use crate::error::ExportError;
use crate::event::{self, Event};
use crate::options::Options;
use crate::row::{Entry, Row};
use meterbox_billing::money::{AMOUNT_DIGITS, Currency};

#[derive(Serialize)]
struct Request<'a> {
    event: LagoEvent<'a>,
}

#[derive(Serialize)]
struct LagoEvent<'a> {
    transaction_id: &'a str,
    external_subscription_id: String,
    code: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    precise_total_amount_cents: Option<String>,
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    value: String,
    amount: String,
    currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<String>,
}

/// The event of a row: of a dispute there is none, since it moves no money and uses nothing.
///
/// A credit's code is `credit`. Lago adds nothing up under a code that no billable metric has, so it bills
/// nothing by itself.
pub fn event(row: &Row, options: &Options, id: String) -> Result<Option<Event>, ExportError> {
    let (code, value, unit_price, cents) = match &row.entry {
        // Lago rounds the invoices that it writes.
        Entry::Dispute { .. } | Entry::Rounding { .. } => return Ok(None),
        Entry::Credit { amount, .. } => {
            ("credit", digits::signed(Signed::plus(*amount)), None, None)
        }
        Entry::Usage(usage) => (
            usage.item.name(),
            usage.quantity.to_string(),
            usage.unit_price.map(|price| price.to_string()),
            Some(cents(usage.amount.units(), row.currency)),
        ),
    };
    let subscription = match event::customer(&row.requestor, options) {
        Some(customer) => customer.to_owned(),
        None => row.requestor.to_string(),
    };
    let body = serde_json::to_string(&Request {
        event: LagoEvent {
            transaction_id: &id,
            external_subscription_id: subscription,
            code,
            timestamp: row.at()?.unix_seconds().to_string(),
            precise_total_amount_cents: cents,
            properties: Properties {
                value,
                amount: digits::signed(row.amount()),
                currency: row.currency.code(),
                unit_price,
            },
        },
    })?;
    Ok(Some(Event { id, body }))
}

/// The amount in the currency's smallest coin: its point moved to the right.
fn cents(units: u128, currency: Currency) -> String {
    let moved = usize::try_from(currency.minor_unit_digits()).unwrap_or_default();
    let digits = AMOUNT_DIGITS.saturating_sub(moved);
    let mut text = String::new();
    digits::push_units(&mut text, units, digits, Point::WhereNeeded);
    text
}
