//! Owns which of the posted records an export is of, and what they come to. Orders nothing anew.

use std::collections::BTreeMap;
use std::error::Error;

use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::record::{Record, RoundingKind};

use crate::error::ExportError;
use crate::options::Options;

/// Records on their way to a format, in posted order.
pub type Records<'a> = &'a mut dyn Iterator<Item = Result<Record, ExportError>>;

/// What was charged and given back in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// The sum of the receipts' totals.
    pub charged: Amount,
    /// The sum of the credits.
    pub credited: Amount,
    /// What invoices waived by rounding.
    pub waived: Amount,
    /// What invoices added by rounding.
    pub added: Amount,
}

/// What an export was of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// How many receipts.
    pub charges: u64,
    /// How many credits.
    pub credits: u64,
    /// How many disputes.
    pub disputes: u64,
    /// How many invoices whose rounding is posted.
    pub roundings: u64,
    /// What they come to. There are fewer than 17,577 currencies of three letters.
    pub totals: BTreeMap<Currency, Total>,
}

/// The records that count, passed on one by one.
pub struct Selection<'a, I> {
    records: I,
    options: &'a Options,
    summary: Summary,
}

impl<'a, I> Selection<'a, I> {
    /// Of these records those that the options want.
    pub fn new(records: I, options: &'a Options) -> Self {
        Self {
            records,
            options,
            summary: Summary::default(),
        }
    }

    /// What has been passed on.
    #[must_use]
    pub fn into_summary(self) -> Summary {
        self.summary
    }
}

impl Summary {
    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        let (count, currency) = match record {
            Record::Charge(charge) => (&mut self.charges, charge.currency),
            Record::Credit(credited) => (&mut self.credits, credited.currency),
            Record::Dispute(disputed) => (&mut self.disputes, disputed.currency),
            Record::Rounding(rounded) => (&mut self.roundings, rounded.currency),
        };
        *count = count.saturating_add(1);
        let total = self.totals.entry(currency).or_default();
        let (sum, amount, what) = match record {
            Record::Charge(charge) => (&mut total.charged, charge.total, "charges"),
            Record::Credit(credited) => (&mut total.credited, credited.amount, "credits"),
            Record::Dispute(_) => return Ok(()),
            Record::Rounding(rounded) => {
                let sum = match rounded.rounding {
                    RoundingKind::Waived => &mut total.waived,
                    RoundingKind::Added => &mut total.added,
                };
                (sum, rounded.amount, "roundings")
            }
        };
        *sum = sum.checked_add(amount).map_err(|_| ExportError::Overflow {
            what: format!("all {what} in {currency}"),
        })?;
        Ok(())
    }
}

impl<I, E> Iterator for Selection<'_, I>
where
    I: Iterator<Item = Result<Record, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Item = Result<Record, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.records.next()? {
                Err(error) => return Some(Err(ExportError::Records(error.into()))),
                Ok(record) if self.options.take(&record) => {
                    return Some(self.summary.add(&record).map(|()| record));
                }
                Ok(_) => {}
            }
        }
    }
}
