//! Owns the rows in the making that share hour, requestor, provider and currency. Decides not when they are done.

use std::collections::BTreeMap;

use meterbox_billing::bill::Line;
use meterbox_billing::digest::Digest;
use meterbox_billing::money::{Amount, UnitPrice};
use meterbox_billing::record::Charge;
use meterbox_log::frontier::{Frontier, Leaf};
use meterbox_log::tree::Head;

use crate::error::ExportError;
use crate::item::Item;
use crate::row::{HourReceipts, Row, UsageEntry};

/// Rows in the making.
#[derive(Default)]
pub(super) struct Group {
    usage: BTreeMap<UsageKey, UsageSum>,
    /// Most receipts have a line for the same items, so their rows stand for the same receipts: these are kept, and
    /// hashed, once.
    receipts: Vec<Receipts>,
    /// Credits, disputes and roundings, by their digests.
    others: BTreeMap<Digest, Row>,
}

/// What the lines of one row have in common, in the order in which rows are sorted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct UsageKey {
    item: Item,
    unit_price: Option<UnitPrice>,
    rate_card: Digest,
}

struct UsageSum {
    usage: UsageEntry,
    /// Which of the group's receipts it stands for.
    receipts: usize,
    /// The last receipt that was added: of two lines of one receipt both count, and the receipt once.
    last: Option<Digest>,
}

/// The receipts that some rows stand for.
#[derive(Clone)]
struct Receipts {
    /// How many rows.
    rows: usize,
    tree: Frontier,
    first: u64,
    last: u64,
    job: Option<Digest>,
}

impl Group {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.usage.len().saturating_add(self.others.len())
    }

    /// Adds a credit, a dispute or a rounding.
    pub fn add_other(&mut self, digest: Digest, row: Row) {
        self.others.insert(digest, row);
    }

    /// Adds a receipt.
    pub fn add_charge(&mut self, charge: &Charge) -> Result<(), ExportError> {
        let mut touched: Vec<(usize, usize)> = Vec::new();
        for line in &charge.lines {
            let usage = UsageEntry::of(charge, line)?;
            let fresh = self.receipts.len();
            let sum = self
                .usage
                .entry(UsageKey::of(&usage))
                .or_insert_with(|| UsageSum::empty(&usage, fresh));
            sum.add(&usage).ok_or_else(|| ExportError::Overflow {
                what: format!("`{}` in an hour", usage.item),
            })?;
            if sum.last.replace(charge.receipt) == Some(charge.receipt) {
                continue;
            }
            match touched.iter_mut().find(|(place, _)| *place == sum.receipts) {
                Some((_, rows)) => *rows = rows.saturating_add(1),
                None => touched.push((sum.receipts, 1)),
            }
        }
        // Rows that this receipt began.
        if let Some((_, rows)) = touched
            .iter()
            .find(|(place, _)| *place == self.receipts.len())
        {
            self.receipts.push(Receipts::none(charge, *rows));
        }
        let leaf = Leaf::of(&charge.receipt);
        for (place, rows) in touched {
            self.add_receipt(charge, &leaf, place, rows)?;
        }
        Ok(())
    }

    /// Adds a receipt to those that so many of their rows stand for: to all of them, or to a copy for these rows.
    fn add_receipt(
        &mut self,
        charge: &Charge,
        leaf: &Leaf,
        place: usize,
        rows: usize,
    ) -> Result<(), ExportError> {
        let copied = self.receipts.len();
        let receipts = &mut self.receipts[place];
        if receipts.rows == rows {
            receipts.add(charge, leaf);
            return Ok(());
        }
        receipts.rows = receipts.rows.saturating_sub(rows);
        let mut copy = Receipts {
            rows,
            ..receipts.clone()
        };
        copy.add(charge, leaf);
        self.receipts.push(copy);
        for line in &charge.lines {
            let key = UsageKey::of(&UsageEntry::of(charge, line)?);
            if let Some(sum) = self.usage.get_mut(&key)
                && sum.receipts == place
            {
                sum.receipts = copied;
            }
        }
        Ok(())
    }

    /// The rows, each made whole by `row`, which knows what they share.
    pub fn into_rows(
        self,
        row: impl Fn(UsageEntry, HourReceipts) -> Row,
    ) -> impl Iterator<Item = Row> {
        let receipts: Vec<_> = self.receipts.iter().map(Receipts::of_hour).collect();
        let usage = self.usage.into_values();
        usage
            .map(move |sum| row(sum.usage, receipts[sum.receipts].clone()))
            .chain(self.others.into_values())
    }
}

impl UsageEntry {
    /// One line of a receipt.
    pub(super) fn of(charge: &Charge, line: &Line) -> Result<Self, ExportError> {
        let item = Item::of_line(&line.meter).ok_or_else(|| ExportError::Line {
            sequence: charge.sequence,
            line: line.meter.chars().take(48).collect(),
        })?;
        Ok(Self {
            item,
            rate_card: charge.rate_card,
            unit_price: item.has_unit_price().then_some(line.unit_price),
            quantity: line.quantity,
            amount: line.amount,
        })
    }
}

impl UsageKey {
    const fn of(usage: &UsageEntry) -> Self {
        Self {
            item: usage.item,
            unit_price: usage.unit_price,
            rate_card: usage.rate_card,
        }
    }
}

impl UsageSum {
    /// Nothing yet of what this line will be added to.
    const fn empty(usage: &UsageEntry, receipts: usize) -> Self {
        Self {
            usage: UsageEntry {
                quantity: 0,
                amount: Amount::ZERO,
                ..*usage
            },
            receipts,
            last: None,
        }
    }

    fn add(&mut self, usage: &UsageEntry) -> Option<()> {
        self.usage.quantity = self.usage.quantity.checked_add(usage.quantity)?;
        self.usage.amount = self.usage.amount.checked_add(usage.amount).ok()?;
        Some(())
    }
}

impl Receipts {
    /// None yet, of rows that this receipt begins.
    fn none(charge: &Charge, rows: usize) -> Self {
        Self {
            rows,
            tree: Frontier::default(),
            first: charge.sequence,
            last: charge.sequence,
            job: Some(charge.job),
        }
    }

    fn add(&mut self, charge: &Charge, leaf: &Leaf) {
        self.tree.push(leaf);
        self.first = self.first.min(charge.sequence);
        self.last = self.last.max(charge.sequence);
        self.job = self.job.filter(|job| *job == charge.job);
    }

    fn of_hour(&self) -> HourReceipts {
        let Head { size, root } = self.tree.head();
        HourReceipts {
            root,
            count: size,
            first: self.first,
            last: self.last,
            job: self.job,
        }
    }
}
