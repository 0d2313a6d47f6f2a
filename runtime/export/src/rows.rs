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

use meterbox_billing::bill::Line;
use meterbox_billing::digest::Digest;
use meterbox_billing::money::{Amount, Currency, UnitPrice};
use meterbox_billing::record::{Charge, Record};

use crate::calendar::Hour;
use crate::error::ExportError;
use crate::item::Item;
use crate::merkle::{Leaf, Tree};
use crate::options::{Ending, Grain, Options};
use crate::row::{Entry, HourReceipts, OneReceipt, Party, Receipts, Row, UsageEntry};
use crate::selection::Records;

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

/// The rows of an hour that have a head in common.
#[derive(Default)]
struct Group {
    usage: BTreeMap<UsageKey, UsageSum>,
    /// Credits and disputes, by their digests.
    others: BTreeMap<Digest, Row>,
}

/// What the lines of one row have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct UsageKey {
    item: Item,
    unit_price: Option<UnitPrice>,
    rate_card: Digest,
}

struct UsageSum {
    usage: UsageEntry,
    tree: Tree,
    first: u64,
    last: u64,
    job: Option<Digest>,
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
        };
        match &mut self.open {
            None => ready.push_back(row),
            Some(open) => open.add_other(digest, row, ready),
        }
        Ok(())
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
                return Some(Err(error));
            }
        }
    }
}

fn usage_of(charge: &Charge, line: &Line) -> Result<UsageEntry, ExportError> {
    let item = Item::of_line(&line.meter).ok_or_else(|| ExportError::Line {
        sequence: charge.sequence,
        line: line.meter.chars().take(48).collect(),
    })?;
    Ok(UsageEntry {
        item,
        rate_card: charge.rate_card,
        unit_price: item.has_unit_price().then_some(line.unit_price),
        quantity: line.quantity,
        amount: line.amount,
    })
}

fn rows_of_charge(charge: &Charge, ready: &mut VecDeque<Row>) -> Result<(), ExportError> {
    let receipt = Rc::new(OneReceipt::of(charge));
    for line in &charge.lines {
        ready.push_back(Row {
            hour: Hour::of(charge.ended_at),
            requestor: Party::of(&charge.requestor),
            provider: Party::of(&charge.provider),
            currency: charge.currency,
            entry: Entry::Usage(usage_of(charge, line)?),
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
        let leaf = Leaf::of(&charge.receipt);
        let head = Head {
            requestor: Party::of(&charge.requestor),
            currency: charge.currency,
            provider: Party::of(&charge.provider),
        };
        let hour = self.touch(Hour::of(charge.ended_at), ready);
        let group = hour.entry(head).or_default();
        let before = group.usage.len();
        for line in &charge.lines {
            let usage = usage_of(charge, line)?;
            let key = UsageKey {
                item: usage.item,
                unit_price: usage.unit_price,
                rate_card: usage.rate_card,
            };
            group
                .usage
                .entry(key)
                .or_insert_with(|| UsageSum::empty(charge, &usage))
                .add(charge, &usage, &leaf)
                .ok_or_else(|| ExportError::Overflow {
                    what: format!("`{}` in an hour", usage.item),
                })?;
        }
        let added = group.usage.len().saturating_sub(before);
        self.grown(added, ready);
        Ok(())
    }

    fn add_other(&mut self, digest: Digest, row: Row, ready: &mut VecDeque<Row>) {
        let head = Head {
            requestor: row.requestor,
            currency: row.currency,
            provider: row.provider,
        };
        let hour = self.touch(row.hour, ready);
        let replaced = hour.entry(head).or_default().others.insert(digest, row);
        self.grown(usize::from(replaced.is_none()), ready);
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

    fn grown(&mut self, added: usize, ready: &mut VecDeque<Row>) {
        self.rows = self.rows.saturating_add(added);
        while self.rows > self.rows_max && !self.hours.is_empty() {
            self.close_first(ready);
        }
    }

    fn close_first(&mut self, ready: &mut VecDeque<Row>) {
        let (hour, groups) = self.hours.remove(0);
        for (head, group) in groups {
            self.rows = self
                .rows
                .saturating_sub(group.usage.len())
                .saturating_sub(group.others.len());
            let usage = group.usage.into_values();
            ready.extend(usage.map(|sum| sum.into_row(hour, &head)));
            ready.extend(group.others.into_values());
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

impl UsageSum {
    fn add(&mut self, charge: &Charge, usage: &UsageEntry, leaf: &Leaf) -> Option<()> {
        self.usage.quantity = self.usage.quantity.checked_add(usage.quantity)?;
        self.usage.amount = self.usage.amount.checked_add(usage.amount).ok()?;
        self.tree.push(leaf);
        self.first = self.first.min(charge.sequence);
        self.last = self.last.max(charge.sequence);
        self.job = self.job.filter(|job| *job == charge.job);
        Some(())
    }

    /// Nothing yet of what this charge will be added to.
    fn empty(charge: &Charge, usage: &UsageEntry) -> Self {
        Self {
            usage: UsageEntry {
                quantity: 0,
                amount: Amount::ZERO,
                ..*usage
            },
            tree: Tree::default(),
            first: charge.sequence,
            last: charge.sequence,
            job: Some(charge.job),
        }
    }

    fn into_row(self, hour: Hour, head: &Head) -> Row {
        Row {
            hour,
            requestor: head.requestor,
            provider: head.provider,
            currency: head.currency,
            entry: Entry::Usage(self.usage),
            receipts: Receipts::Hour(HourReceipts {
                root: self.tree.root(),
                count: self.tree.leaves(),
                first: self.first,
                last: self.last,
                job: self.job,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
