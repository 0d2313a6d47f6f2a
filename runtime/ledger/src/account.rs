//! Owns the accounts of the books: their names, and whose they are. Posts nothing.

use rusqlite::Connection;

use crate::{LedgerError, row};

/// The account that charges are posted to, and credits from.
pub const INCOME: &str = "provider:income";

/// The account that budgets are granted from: below zero by all that was granted.
pub const GRANTED: &str = "provider:granted";

/// The account that takes what invoices round: below zero by what was waived, above by what was added.
pub const ROUNDING: &str = "provider:rounding";

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    Income,
    Granted,
    Rounding,
    /// What a requestor was granted and has not spent; below zero where it spends without a budget.
    Budget,
    /// What is held for a requestor's orders that are being run.
    Held,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    purpose: Purpose,
    /// The row of the requestor's key; 0 for the provider's accounts, which are nobody else's.
    owner: i64,
    pub(crate) currency: String,
}

impl Account {
    pub(crate) fn provider(purpose: Purpose, currency: &str) -> Self {
        Self {
            purpose,
            owner: 0,
            currency: currency.to_owned(),
        }
    }

    pub(crate) fn requestor(purpose: Purpose, key: i64, currency: &str) -> Self {
        Self {
            purpose,
            owner: key,
            currency: currency.to_owned(),
        }
    }

    pub(crate) fn name(&self, connection: &Connection) -> Result<String, LedgerError> {
        let of_requestor = |what| {
            let key = row::key(connection, self.owner)?;
            Ok(format!("requestor:{key}:{what}"))
        };
        match self.purpose {
            Purpose::Income => Ok(INCOME.to_owned()),
            Purpose::Granted => Ok(GRANTED.to_owned()),
            Purpose::Rounding => Ok(ROUNDING.to_owned()),
            Purpose::Budget => of_requestor("budget"),
            Purpose::Held => of_requestor("held"),
        }
    }
}
