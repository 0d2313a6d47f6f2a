//! Writes rows as Stripe's meter events (API v2, JSON). Sends nothing.

use serde::Serialize;

use crate::error::ExportError;
use crate::event::{self, Event};
use crate::format::Format;
use crate::options::Options;
use crate::row::{Entry, Row};

/// What every event's name begins with: a Stripe account may have other meters.
pub const NAME_PREFIX: &str = "meterbox_";

#[derive(Serialize)]
struct MeterEvent<'a> {
    event_name: String,
    identifier: &'a str,
    timestamp: String,
    payload: Payload<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    stripe_customer_id: &'a str,
    value: String,
}

/// The event of a row: of credits and disputes there is none, since Stripe's meters only count up. A credit
/// is a credit note there.
pub fn event(row: &Row, options: &Options, id: String) -> Result<Option<Event>, ExportError> {
    let Entry::Usage(usage) = &row.entry else {
        return Ok(None);
    };
    let customer =
        event::customer(&row.requestor, options).ok_or_else(|| ExportError::Customer {
            requestor: row.requestor.to_string(),
            format: Format::Stripe.name(),
        })?;
    let body = serde_json::to_string(&MeterEvent {
        event_name: format!("{NAME_PREFIX}{}", usage.item),
        identifier: &id,
        timestamp: row.at()?.to_string(),
        payload: Payload {
            stripe_customer_id: customer,
            value: usage.quantity.to_string(),
        },
    })?;
    Ok(Some(Event { id, body }))
}
