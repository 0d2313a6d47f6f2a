//! Writes totals for watching, as OpenMetrics or in Prometheus' older text format. Nobody bills by them:
//! whoever reads them makes floats of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::record::{Charge, Record};

use crate::digits::{self, Signed};
use crate::error::ExportError;
use crate::item::Item;
use crate::row::Party;
use crate::selection::Records;

/// About 200 bytes each; more than a Prometheus is happy with.
pub const SERIES_MAX: usize = 100_000;

/// Which text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

#[derive(Default)]
struct Totals {
    usage: BTreeMap<(Party, Item), u128>,
    charged: BTreeMap<(Party, Item, Currency), Amount>,
    credited: BTreeMap<(Party, Currency), Amount>,
    receipts: BTreeMap<(Party, String), u64>,
    disputes: BTreeMap<Party, u64>,
}

/// Writes the totals of all records.
pub fn write(
    exposition: Exposition,
    records: Records<'_>,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut totals = Totals::default();
    for record in records {
        totals.add(&record?)?;
    }
    totals.write(exposition, out)
}

impl Totals {
    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        let requestor = Party::of(record.requestor());
        match record {
            Record::Charge(charge) => self.add_charge(charge, requestor)?,
            Record::Credit(credited) => {
                let sum = self
                    .credited
                    .entry((requestor, credited.currency))
                    .or_default();
                *sum = sum
                    .checked_add(credited.amount)
                    .map_err(|_| overflow("credits"))?;
            }
            // It goes up and down, which no counter does.
            Record::Rounding(_) => {}
            Record::Dispute(_) => {
                let count = self.disputes.entry(requestor).or_default();
                *count = count.saturating_add(1);
            }
        }
        if self.series() > SERIES_MAX {
            return Err(ExportError::TooMany {
                what: "series",
                max: SERIES_MAX,
            });
        }
        Ok(())
    }

    fn add_charge(&mut self, charge: &Charge, requestor: Party) -> Result<(), ExportError> {
        let outcome = (requestor, charge.outcome.clone());
        let count = self.receipts.entry(outcome).or_default();
        *count = count.saturating_add(1);
        for line in &charge.lines {
            let item = Item::of_line(&line.meter).ok_or_else(|| ExportError::Line {
                sequence: charge.sequence,
                line: line.meter.chars().take(48).collect(),
            })?;
            let sum = self.usage.entry((requestor, item)).or_default();
            *sum = sum
                .checked_add(line.quantity)
                .ok_or_else(|| overflow(item.name()))?;
            let key = (requestor, item, charge.currency);
            let sum = self.charged.entry(key).or_default();
            *sum = sum
                .checked_add(line.amount)
                .map_err(|_| overflow(item.name()))?;
        }
        Ok(())
    }

    fn series(&self) -> usize {
        [
            self.usage.len(),
            self.charged.len(),
            self.credited.len(),
            self.receipts.len(),
            self.disputes.len(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    fn write(&self, exposition: Exposition, out: &mut dyn Write) -> Result<(), ExportError> {
        let usage = self.usage.iter().map(|((requestor, item), count)| {
            let labels = [
                ("requestor", requestor.to_string()),
                ("meter", item.to_string()),
            ];
            (labels.to_vec(), count.to_string())
        });
        family(
            exposition,
            out,
            "meterbox_usage",
            "Units that receipts charge.",
            usage,
        )?;
        let charged = self
            .charged
            .iter()
            .map(|((requestor, item, currency), amount)| {
                let labels = [
                    ("requestor", requestor.to_string()),
                    ("meter", item.to_string()),
                    ("currency", currency.code()),
                ];
                (labels.to_vec(), digits::signed(Signed::plus(*amount)))
            });
        family(
            exposition,
            out,
            "meterbox_charged",
            "What receipts charge.",
            charged,
        )?;
        let credited = self.credited.iter().map(|((requestor, currency), amount)| {
            let labels = [
                ("requestor", requestor.to_string()),
                ("currency", currency.code()),
            ];
            (labels.to_vec(), digits::signed(Signed::plus(*amount)))
        });
        family(
            exposition,
            out,
            "meterbox_credited",
            "What credits give back.",
            credited,
        )?;
        let receipts = self.receipts.iter().map(|((requestor, outcome), count)| {
            let labels = [
                ("requestor", requestor.to_string()),
                ("outcome", outcome.clone()),
            ];
            (labels.to_vec(), count.to_string())
        });
        family(exposition, out, "meterbox_receipts", "Receipts.", receipts)?;
        let disputes = self.disputes.iter().map(|(requestor, count)| {
            let labels = [("requestor", requestor.to_string())];
            (labels.to_vec(), count.to_string())
        });
        family(
            exposition,
            out,
            "meterbox_disputes",
            "Receipts that are disputed.",
            disputes,
        )?;
        if exposition == Exposition::OpenMetrics {
            writeln!(out, "# EOF")?;
        }
        Ok(())
    }
}

fn overflow(what: &str) -> ExportError {
    ExportError::Overflow {
        what: what.to_owned(),
    }
}

/// Counters of one name. OpenMetrics names the family without `_total`, Prometheus with it.
fn family(
    exposition: Exposition,
    out: &mut dyn Write,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Vec<(&'static str, String)>, String)>,
) -> Result<(), ExportError> {
    let family = match exposition {
        Exposition::Prometheus => format!("{name}_total"),
        Exposition::OpenMetrics => name.to_owned(),
    };
    writeln!(out, "# HELP {family} {help}\n# TYPE {family} counter")?;
    for (labels, value) in series {
        let mut text = String::new();
        for (name, value) in labels {
            let comma = if text.is_empty() { "" } else { "," };
            write!(text, "{comma}{name}=\"{}\"", escaped(&value)).expect("a string takes all");
        }
        writeln!(out, "{name}_total{{{text}}} {value}")?;
    }
    Ok(())
}

fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}
