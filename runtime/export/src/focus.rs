//! Writes rows as the FinOps Open Cost and Usage Specification has them: version 1.2, or 1.4. Sums nothing.
//!
//! `BilledCost` and `EffectiveCost` are what the receipts charge, to the last digit. `ListCost` and
//! `ContractedCost` are the unit price times the quantity, rounded once; over n receipts, each of which was
//! rounded by itself, they differ from it by at most (n + 1)/2 units of 10^-18.

use meterbox_billing::timestamp::{Timestamp, TimestampError};

use crate::calendar::Hour;
use crate::digits::{self, Point, Signed};
use crate::error::ExportError;
use crate::options::{FocusVersion, Grain, Options};
use crate::row::{Entry, HourReceipts, OneReceipt, OneRun, Receipts, Row, UsageEntry};
use crate::rows::Rows;
use crate::table::{Cell, Column, Kind, TableWriter, push_hex};

/// Numbers always have a point: tools guess a column's type from its first rows.
pub const POINT: Point = Point::Always;

/// The bounds of an hour and of its billing period, which is its month.
struct Period {
    hour: Hour,
    start: Timestamp,
    end: Timestamp,
    billing_start: Timestamp,
    billing_end: Timestamp,
}

/// A row with all that its cells show.
struct View<'a> {
    row: &'a Row,
    options: &'a Options,
    period: &'a Period,
    list_cost: Signed,
}

/// In which tables a column is.
#[derive(Clone, Copy)]
enum When {
    Always,
    Version(FocusVersion),
    Grain(Grain),
}

struct FocusColumn {
    column: Column,
    when: When,
    cell: for<'a> fn(&'a View<'a>) -> Cell<'a>,
}

const fn always(column: Column, cell: for<'a> fn(&'a View<'a>) -> Cell<'a>) -> FocusColumn {
    FocusColumn {
        column,
        when: When::Always,
        cell,
    }
}

const fn only(
    when: When,
    column: Column,
    cell: for<'a> fn(&'a View<'a>) -> Cell<'a>,
) -> FocusColumn {
    FocusColumn { column, when, cell }
}

const V1_2: When = When::Version(FocusVersion::V1_2);
const V1_4: When = When::Version(FocusVersion::V1_4);
const HOUR: When = When::Grain(Grain::Hour);
const RECEIPT: When = When::Grain(Grain::Receipt);

/// The columns, those of the specification in its alphabetical order, then Meterbox's own. Some stay empty:
/// version 1.0 demanded them, and tools that were made for it look for them.
const COLUMNS: &[FocusColumn] = &[
    always(Column::new("BilledCost", Kind::Amount), |v| {
        Cell::Amount(v.row.amount())
    }),
    always(Column::new("BillingAccountId", Kind::Text), |v| {
        Cell::Hex(v.row.requestor.as_bytes())
    }),
    always(Column::or_empty("BillingAccountName", Kind::Text), |_| {
        Cell::Empty
    }),
    always(Column::new("BillingCurrency", Kind::Text), |v| {
        Cell::text(v.row.currency.code())
    }),
    always(Column::new("BillingPeriodEnd", Kind::Time), |v| {
        Cell::Time(v.period.billing_end)
    }),
    always(Column::new("BillingPeriodStart", Kind::Time), |v| {
        Cell::Time(v.period.billing_start)
    }),
    always(Column::new("ChargeCategory", Kind::Text), |v| {
        Cell::text(category(v.row))
    }),
    always(Column::or_empty("ChargeClass", Kind::Text), |_| Cell::Empty),
    always(Column::or_empty("ChargeDescription", Kind::Text), |v| {
        Cell::text(description(v.row))
    }),
    always(Column::new("ChargeFrequency", Kind::Text), |v| {
        Cell::text(frequency(v.row))
    }),
    always(Column::new("ChargePeriodEnd", Kind::Time), |v| {
        Cell::Time(v.period.end)
    }),
    always(Column::new("ChargePeriodStart", Kind::Time), |v| {
        Cell::Time(v.period.start)
    }),
    always(
        Column::or_empty("CommitmentDiscountCategory", Kind::Text),
        |_| Cell::Empty,
    ),
    always(Column::or_empty("CommitmentDiscountId", Kind::Text), |_| {
        Cell::Empty
    }),
    always(
        Column::or_empty("CommitmentDiscountName", Kind::Text),
        |_| Cell::Empty,
    ),
    always(
        Column::or_empty("CommitmentDiscountStatus", Kind::Text),
        |_| Cell::Empty,
    ),
    always(
        Column::or_empty("CommitmentDiscountType", Kind::Text),
        |_| Cell::Empty,
    ),
    always(Column::or_empty("ConsumedQuantity", Kind::Count), |v| {
        quantity(v.row)
    }),
    always(Column::or_empty("ConsumedUnit", Kind::Text), |v| {
        unit(v.row)
    }),
    always(Column::new("ContractedCost", Kind::Amount), |v| {
        Cell::Amount(v.list_cost)
    }),
    always(Column::or_empty("ContractedUnitPrice", Kind::Price), |v| {
        unit_price(v.row)
    }),
    always(Column::new("EffectiveCost", Kind::Amount), |v| {
        Cell::Amount(v.row.amount())
    }),
    only(
        V1_4,
        Column::or_empty("HostProviderName", Kind::Text),
        provider_name,
    ),
    always(Column::or_empty("InvoiceId", Kind::Text), invoice_id),
    always(Column::new("InvoiceIssuerName", Kind::Text), |v| {
        provider_name(v)
    }),
    always(Column::new("ListCost", Kind::Amount), |v| {
        Cell::Amount(v.list_cost)
    }),
    always(Column::or_empty("ListUnitPrice", Kind::Price), |v| {
        unit_price(v.row)
    }),
    always(Column::or_empty("PricingCategory", Kind::Text), |v| {
        pricing_category(v.row)
    }),
    always(Column::new("PricingCurrency", Kind::Text), |v| {
        Cell::text(v.row.currency.code())
    }),
    always(
        Column::or_empty("PricingCurrencyContractedUnitPrice", Kind::Price),
        |v| unit_price(v.row),
    ),
    always(
        Column::new("PricingCurrencyEffectiveCost", Kind::Amount),
        |v| Cell::Amount(v.row.amount()),
    ),
    always(
        Column::or_empty("PricingCurrencyListUnitPrice", Kind::Price),
        |v| unit_price(v.row),
    ),
    always(Column::or_empty("PricingQuantity", Kind::Count), |v| {
        quantity(v.row)
    }),
    always(Column::or_empty("PricingUnit", Kind::Text), |v| unit(v.row)),
    only(V1_2, Column::new("ProviderName", Kind::Text), |v| {
        provider_name(v)
    }),
    only(V1_2, Column::new("PublisherName", Kind::Text), |v| {
        provider_name(v)
    }),
    always(Column::or_empty("RegionId", Kind::Text), |_| Cell::Empty),
    always(Column::or_empty("RegionName", Kind::Text), |_| Cell::Empty),
    always(Column::or_empty("ResourceId", Kind::Text), |v| {
        resource_id(v.row)
    }),
    always(Column::or_empty("ResourceName", Kind::Text), |_| {
        Cell::Empty
    }),
    always(Column::or_empty("ResourceType", Kind::Text), |v| {
        resource_type(v.row)
    }),
    always(Column::new("ServiceCategory", Kind::Text), |v| {
        Cell::text(service(v.row).category())
    }),
    always(Column::new("ServiceName", Kind::Text), |v| {
        Cell::text(service(v.row).name())
    }),
    only(V1_4, Column::new("ServiceProviderName", Kind::Text), |v| {
        provider_name(v)
    }),
    always(Column::or_empty("SkuId", Kind::Text), |v| sku_id(v.row)),
    always(Column::or_empty("SkuMeter", Kind::Text), |v| {
        sku_meter(v.row)
    }),
    always(Column::or_empty("SkuPriceDetails", Kind::Text), |_| {
        Cell::Empty
    }),
    always(Column::or_empty("SkuPriceId", Kind::Text), |v| {
        sku_price_id(v.row)
    }),
    always(Column::or_empty("SubAccountId", Kind::Text), |_| {
        Cell::Empty
    }),
    always(Column::or_empty("SubAccountName", Kind::Text), |_| {
        Cell::Empty
    }),
    always(Column::or_empty("Tags", Kind::Text), |_| Cell::Empty),
    always(Column::or_empty("x_DocumentDigest", Kind::Text), |v| {
        document(v.row)
    }),
    only(RECEIPT, Column::or_empty("x_EndedAt", Kind::Time), |v| {
        run(v.row).map_or(Cell::Empty, |run| Cell::Time(run.ended_at))
    }),
    always(Column::or_empty("x_LogIndex", Kind::Index), |v| {
        v.row.log_index().map_or(Cell::Empty, Cell::Index)
    }),
    only(HOUR, Column::or_empty("x_LogIndexLast", Kind::Index), |v| {
        hour(v.row).map_or(Cell::Empty, |hour| Cell::Index(hour.last))
    }),
    only(RECEIPT, Column::or_empty("x_OrderId", Kind::Text), |v| {
        one(v.row).map_or(Cell::Empty, |one| Cell::text(one.order_id.as_str()))
    }),
    only(RECEIPT, Column::or_empty("x_Outcome", Kind::Text), |v| {
        run(v.row).map_or(Cell::Empty, |run| Cell::text(run.outcome.as_str()))
    }),
    only(HOUR, Column::or_empty("x_ReceiptCount", Kind::Index), |v| {
        hour(v.row).map_or(Cell::Empty, |hour| Cell::Index(hour.count))
    }),
    always(Column::or_empty("x_ReceiptDigest", Kind::Text), |v| {
        one(v.row).map_or(Cell::Empty, |one| Cell::Hex(one.digest.as_bytes()))
    }),
    only(HOUR, Column::or_empty("x_ReceiptsRoot", Kind::Text), |v| {
        hour(v.row).map_or(Cell::Empty, |hour| Cell::Hex(hour.root.as_bytes()))
    }),
    only(RECEIPT, Column::or_empty("x_StartedAt", Kind::Time), |v| {
        run(v.row).map_or(Cell::Empty, |run| Cell::Time(run.started_at))
    }),
];

impl When {
    fn holds(self, options: &Options) -> bool {
        match self {
            Self::Always => true,
            Self::Version(version) => version == options.focus,
            Self::Grain(grain) => grain == options.grain,
        }
    }
}

fn chosen(options: &Options) -> impl Iterator<Item = &'static FocusColumn> {
    COLUMNS.iter().filter(|column| column.when.holds(options))
}

/// The columns of a table with these options.
#[must_use]
pub fn columns(options: &Options) -> Vec<Column> {
    chosen(options).map(|chosen| chosen.column).collect()
}

/// Rows as cells, one after the other.
pub struct FocusRows<'a> {
    options: &'a Options,
    chosen: Vec<&'static FocusColumn>,
    period: Option<Period>,
}

impl<'a> FocusRows<'a> {
    /// For a table with these options.
    #[must_use]
    pub fn new(options: &'a Options) -> Self {
        Self {
            options,
            chosen: chosen(options).collect(),
            period: None,
        }
    }

    /// Writes a row.
    pub fn write(&mut self, row: &Row, table: &mut dyn TableWriter) -> Result<(), ExportError> {
        let period = match self.period.take() {
            Some(period) if period.hour == row.hour => period,
            _ => Period::of(row.hour)?,
        };
        let view = View {
            row,
            options: self.options,
            period: &period,
            list_cost: list_cost(row)?,
        };
        let cells: Vec<_> = self
            .chosen
            .iter()
            .map(|column| (column.cell)(&view))
            .collect();
        table.write(&cells)?;
        drop(cells);
        self.period = Some(period);
        Ok(())
    }
}

/// Writes all rows.
pub fn write(
    rows: Rows<'_>,
    options: &Options,
    table: &mut dyn TableWriter,
) -> Result<(), ExportError> {
    let mut focus = FocusRows::new(options);
    for row in rows {
        focus.write(&row?, table)?;
    }
    Ok(())
}

impl Period {
    fn of(hour: Hour) -> Result<Self, TimestampError> {
        let month = hour.month()?;
        Ok(Self {
            hour,
            start: hour.start()?,
            end: hour.end()?,
            billing_start: month.start()?,
            billing_end: month.end()?,
        })
    }
}

const fn usage(row: &Row) -> Option<&UsageEntry> {
    match &row.entry {
        Entry::Usage(usage) => Some(usage),
        Entry::Credit { .. } | Entry::Dispute { .. } | Entry::Rounding { .. } => None,
    }
}

/// What of a row has a quantity and a price by the card.
fn priced(row: &Row) -> Option<(&UsageEntry, meterbox_billing::money::UnitPrice)> {
    let usage = usage(row)?;
    Some((usage, usage.unit_price?))
}

fn one(row: &Row) -> Option<&OneReceipt> {
    match &row.receipts {
        Receipts::One(one) => Some(one),
        Receipts::Hour(_) | Receipts::None => None,
    }
}

fn run(row: &Row) -> Option<&OneRun> {
    one(row)?.run.as_ref()
}

const fn hour(row: &Row) -> Option<&HourReceipts> {
    match &row.receipts {
        Receipts::One(_) | Receipts::None => None,
        Receipts::Hour(hour) => Some(hour),
    }
}

/// The price times the quantity; without a price the specification wants what is billed.
fn list_cost(row: &Row) -> Result<Signed, ExportError> {
    Ok(match priced(row) {
        Some((usage, price)) => Signed::plus(price.times(usage.quantity)?),
        None => row.amount(),
    })
}

/// An adjustment is a charge, positive or negative, that is of no other category.
fn category(row: &Row) -> &'static str {
    match &row.entry {
        Entry::Usage(_) if priced(row).is_some() => "Usage",
        Entry::Usage(_) | Entry::Dispute { .. } | Entry::Rounding { .. } => "Adjustment",
        Entry::Credit { .. } => "Credit",
    }
}

fn frequency(row: &Row) -> &'static str {
    if priced(row).is_some() {
        "Usage-Based"
    } else {
        "One-Time"
    }
}

fn service(row: &Row) -> crate::item::Service {
    usage(row).map_or(crate::item::Service::Compute, |usage| usage.item.service())
}

fn description(row: &Row) -> String {
    match &row.entry {
        Entry::Usage(usage) if usage.unit_price.is_some() => {
            let item = usage.item;
            format!("{}: {item}, per {}", item.service().name(), item.unit())
        }
        Entry::Usage(usage) => {
            let item = usage.item;
            format!("{}: {item}, what was missing to it", item.service().name())
        }
        Entry::Credit { id, reason, .. } => format!("Credit {id}: {}", one_line(reason)),
        Entry::Dispute { total, reason, .. } => {
            let total = digits::signed(Signed::plus(*total));
            format!("Dispute of {total} {}: {}", row.currency, one_line(reason))
        }
        Entry::Rounding { invoice, .. } => format!("Rounding of invoice {}", one_line(invoice)),
    }
}

/// Words that a stranger wrote, without line breaks and what else steers a terminal.
#[must_use]
pub fn one_line(words: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    words.chars().map(shown).collect()
}

fn quantity(row: &Row) -> Cell<'_> {
    priced(row).map_or(Cell::Empty, |(usage, _)| Cell::Count(usage.quantity))
}

fn unit(row: &Row) -> Cell<'_> {
    priced(row).map_or(Cell::Empty, |(usage, _)| {
        Cell::text(usage.item.focus_unit())
    })
}

fn unit_price(row: &Row) -> Cell<'_> {
    priced(row).map_or(Cell::Empty, |(_, price)| Cell::Price(price))
}

fn pricing_category(row: &Row) -> Cell<'_> {
    priced(row).map_or(Cell::Empty, |_| Cell::text("Standard"))
}

fn sku_id(row: &Row) -> Cell<'_> {
    usage(row).map_or(Cell::Empty, |usage| Cell::text(usage.item.name()))
}

fn sku_meter(row: &Row) -> Cell<'_> {
    usage(row).map_or(Cell::Empty, |usage| Cell::text(usage.item.unit()))
}

/// A price is one card's price of one meter.
fn sku_price_id(row: &Row) -> Cell<'_> {
    priced(row).map_or(Cell::Empty, |(usage, _)| {
        let mut id = String::new();
        push_hex(&mut id, usage.rate_card.as_bytes());
        id.push('/');
        id.push_str(usage.item.name());
        Cell::text(id)
    })
}

fn resource_id(row: &Row) -> Cell<'_> {
    row.job().map_or(Cell::Empty, |job| {
        let mut id = String::new();
        push_hex(&mut id, job.as_bytes());
        Cell::text(id)
    })
}

fn resource_type(row: &Row) -> Cell<'_> {
    row.job().map_or(Cell::Empty, |_| Cell::text("Job"))
}

fn document(row: &Row) -> Cell<'_> {
    match &row.entry {
        Entry::Usage(_) | Entry::Rounding { .. } => Cell::Empty,
        Entry::Credit { digest, .. } | Entry::Dispute { digest, .. } => {
            Cell::Hex(digest.as_bytes())
        }
    }
}

fn provider_name<'a>(view: &'a View<'a>) -> Cell<'a> {
    Cell::text(view.options.provider_name.as_str())
}

/// The invoice that was named; what an invoice rounded is on that invoice.
fn invoice_id<'a>(view: &'a View<'a>) -> Cell<'a> {
    if let Entry::Rounding { invoice, .. } = &view.row.entry {
        return Cell::text(one_line(invoice));
    }
    let id = view.options.invoice_id.as_ref();
    id.map_or(Cell::Empty, |id| Cell::text(id.as_str()))
}
