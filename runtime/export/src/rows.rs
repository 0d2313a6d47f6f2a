//! Owns how records become rows: one for each line of a receipt, or one for all that an hour has in common.
//! Writes nothing.
//!
//! Records come in posted order, which is the order of time but for clocks that are set back and jobs that
//! end together. At most [`OPEN_HOURS_MAX`] hours are open at once, and at most [`OPEN_ROWS_MAX`] rows; when
//! there would be more, the hour that was added to longest ago is closed and its rows are passed on. A record
//! for an hour that is closed already opens it again and makes rows of its own, so that sums stay exact and
//! memory bounded whatever a clock does. What has been passed on depends on the records so far alone: reading
//! on never changes it.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use meterbox_billing::digest::Digest;
use meterbox_billing::money::Currency;
use meterbox_billing::record::{Charge, Record};

use crate::calendar::Hour;
use crate::error::ExportError;
use crate::options::{Ending, Grain, Options};
use crate::row::{Entry, OneReceipt, Party, Receipts, Row, UsageEntry, rounding_digest};
use crate::selection::Records;

use group::Group;

mod group;

/// Jobs that end together are posted minutes apart at most, and a clock is set back by an hour twice a year
/// by mistake: four hours keep nearly every hour's rows together.
pub const OPEN_HOURS_MAX: usize = 4;
/// About 500 bytes each, so 50 MB: ten meters of 10,000 requestors in one hour.
pub const OPEN_ROWS_MAX: usize = 100_000;

/// Rows, made from records as they are asked for.
pub struct Rows<'a> {
    records: Records<'a>,
    ready: VecDeque<Row>,
    open: Option<OpenHours>,
    ending: Ending,
    has_failed: bool,
}

/// Hours that are still added to, the one that was added to longest ago first.
#[derive(Default)]
struct OpenHours {
    hours: Vec<(Hour, BTreeMap<Head, Group>)>,
    rows: usize,
    rows_max: usize,
}

/// Who pays whom in what: looked up once a record. Rows are sorted by it first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    requestor: Party,
    currency: Currency,
    provider: Party,
}

impl<'a> Rows<'a> {
    /// The rows of these records.
    pub fn new(records: Records<'a>, options: &Options) -> Self {
        Self::bounded(records, options, OPEN_ROWS_MAX)
    }

    fn bounded(records: Records<'a>, options: &Options, rows_max: usize) -> Self {
        let open = match options.grain {
            Grain::Receipt => None,
            Grain::Hour => Some(OpenHours {
                rows_max,
                ..OpenHours::default()
            }),
        };
        Self {
            records,
            ready: VecDeque::new(),
            open,
            ending: options.ending,
            has_failed: false,
        }
    }

    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        let ready = &mut self.ready;
        let (digest, row) = match record {
            Record::Charge(charge) => {
                return match &mut self.open {
                    None => rows_of_charge(charge, ready),
                    Some(open) => open.add_charge(charge, ready),
                };
            }
            Record::Credit(credited) => (credited.credit, Row::of_credit(credited)),
            Record::Dispute(disputed) => (disputed.dispute, Row::of_dispute(disputed)),
            Record::Rounding(rounded) => (rounding_digest(rounded), Row::of_rounding(rounded)),
        };
        match &mut self.open {
            None => {
                ready.push_back(row);
                Ok(())
            }
            Some(open) => open.add_other(digest, row, ready),
        }
    }

    /// At the end of the records: whether there is anything left to pass on.
    fn end(&mut self) -> bool {
        if self.ending == Ending::Write
            && let Some(open) = &mut self.open
        {
            open.close_all(&mut self.ready);
        }
        !self.ready.is_empty()
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        // What an error left half done is passed on to nobody.
        if self.has_failed {
            return None;
        }
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Some(Ok(row));
            }
            let added = match self.records.next() {
                Some(record) => record.and_then(|record| self.add(&record)),
                None if self.end() => Ok(()),
                None => return None,
            };
            if let Err(error) = added {
                self.has_failed = true;
                return Some(Err(error));
            }
        }
    }
}

fn rows_of_charge(charge: &Charge, ready: &mut VecDeque<Row>) -> Result<(), ExportError> {
    let receipt = Rc::new(OneReceipt::of(charge));
    for line in &charge.lines {
        ready.push_back(Row {
            hour: Hour::of(charge.ended_at),
            requestor: Party::of(&charge.requestor),
            provider: Party::of(&charge.provider),
            currency: charge.currency,
            entry: Entry::Usage(UsageEntry::of(charge, line)?),
            receipts: Receipts::One(Rc::clone(&receipt)),
        });
    }
    Ok(())
}

impl OpenHours {
    fn add_charge(
        &mut self,
        charge: &Charge,
        ready: &mut VecDeque<Row>,
    ) -> Result<(), ExportError> {
        let head = Head {
            requestor: Party::of(&charge.requestor),
            currency: charge.currency,
            provider: Party::of(&charge.provider),
        };
        self.add(Hour::of(charge.ended_at), head, ready, |group| {
            group.add_charge(charge)
        })
    }

    fn add_other(
        &mut self,
        digest: Digest,
        row: Row,
        ready: &mut VecDeque<Row>,
    ) -> Result<(), ExportError> {
        let head = Head {
            requestor: row.requestor,
            currency: row.currency,
            provider: row.provider,
        };
        self.add(row.hour, head, ready, |group| {
            group.add_other(digest, row);
            Ok(())
        })
    }

    fn add(
        &mut self,
        hour: Hour,
        head: Head,
        ready: &mut VecDeque<Row>,
        add: impl FnOnce(&mut Group) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let group = self.touch(hour, ready).entry(head).or_default();
        let before = group.len();
        add(group)?;
        let added = group.len().saturating_sub(before);
        self.rows = self.rows.saturating_add(added);
        while self.rows > self.rows_max && !self.hours.is_empty() {
            self.close_first(ready);
        }
        Ok(())
    }

    /// Opens an hour, or makes an open one the last that was added to.
    fn touch(&mut self, hour: Hour, ready: &mut VecDeque<Row>) -> &mut BTreeMap<Head, Group> {
        let found = self.hours.iter().position(|(open, _)| *open == hour);
        let entry = match found {
            Some(place) => self.hours.remove(place),
            None => {
                if self.hours.len() >= OPEN_HOURS_MAX {
                    self.close_first(ready);
                }
                (hour, BTreeMap::new())
            }
        };
        self.hours.push(entry);
        let (_, rows) = self.hours.last_mut().expect("an hour was just pushed");
        rows
    }

    fn close_first(&mut self, ready: &mut VecDeque<Row>) {
        let (hour, groups) = self.hours.remove(0);
        for (head, group) in groups {
            self.rows = self.rows.saturating_sub(group.len());
            ready.extend(group.into_rows(|usage, receipts| Row {
                hour,
                requestor: head.requestor,
                provider: head.provider,
                currency: head.currency,
                entry: Entry::Usage(usage),
                receipts: Receipts::Hour(receipts),
            }));
        }
    }

    /// Closes what is open, the earliest hour first.
    fn close_all(&mut self, ready: &mut VecDeque<Row>) {
        self.hours.sort_by_key(|(hour, _)| *hour);
        while !self.hours.is_empty() {
            self.close_first(ready);
        }
    }
}

#[cfg(test)]
mod tests;
