//! Owns what is sent to a receiver of usage: an id by which it tells a repetition, and a body. Sends nothing.

use crate::error::ExportError;
use crate::format::Format;
use crate::options::Options;
use crate::row::{Entry, Party, Row};
use crate::rows::Rows;
use crate::selection::Records;
use crate::table::push_hex;
use crate::{cloud_events, lago, stripe};

/// Stripe refuses longer ones.
pub const ID_BYTES_MAX: usize = 100;

/// What is sent for one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same for the same receipts and item, whenever it is made; different for all others.
    pub id: String,
    /// The JSON text of the request's body.
    pub body: String,
}

/// Events, made from records as they are asked for.
///
/// With [`crate::options::Ending::Withhold`] and the same options, more records only ever append events: an
/// outbox that counts what was acknowledged can go on where it was.
pub struct Events<'a> {
    rows: Rows<'a>,
    options: &'a Options,
    event: fn(&Row, &Options, String) -> Result<Option<Event>, ExportError>,
}

impl<'a> Events<'a> {
    /// The events of these records in one of the formats that are events.
    pub fn of_format(
        format: Format,
        records: Records<'a>,
        options: &'a Options,
    ) -> Result<Self, ExportError> {
        options.check()?;
        let event = match format {
            Format::CloudEvents => cloud_events::event,
            Format::Lago => lago::event,
            Format::Stripe => stripe::event,
            _ => {
                return Err(ExportError::Kind {
                    format: format.name(),
                    kind: "file, not sent as events",
                });
            }
        };
        Ok(Self {
            rows: Rows::new(records, options),
            options,
            event,
        })
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let event = self
                .rows
                .next()?
                .and_then(|row| (self.event)(&row, self.options, id(&row)));
            if let Some(event) = event.transpose() {
                return Some(event);
            }
        }
    }
}

/// The digest of the receipt, or the root over those of an hour, and the item: a receipt has one line for
/// each.
fn id(row: &Row) -> String {
    let (digest, what) = match &row.entry {
        Entry::Credit { digest, .. } => (*digest, "credit"),
        Entry::Dispute { digest, .. } => (*digest, "dispute"),
        Entry::Rounding { digest, .. } => (*digest, "rounding"),
        Entry::Usage(usage) => {
            let digest = row.receipts.digest();
            (digest.expect("usage is of receipts"), usage.item.name())
        }
    };
    let mut id = String::with_capacity(ID_BYTES_MAX);
    push_hex(&mut id, digest.as_bytes());
    id.push(':');
    id.push_str(what);
    id
}

/// The receiver's id of a requestor, where the options have one.
pub(crate) fn customer<'a>(requestor: &Party, options: &'a Options) -> Option<&'a str> {
    let key = requestor.to_string();
    options.customers.get(&key).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Item;

    #[test]
    fn every_id_fits_what_receivers_take() {
        let longest = Item::all().map(|item| item.name().len()).max().unwrap();
        assert!(64 + 1 + longest <= ID_BYTES_MAX, "{longest}");
    }
}
