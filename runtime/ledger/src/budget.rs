//! Owns what requestors may spend: grants, and what is left of them. Knows no prices.

use meterbox_billing::key::PublicKey;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::text::Id;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::LedgerError;
use crate::account::{Account, Purpose};
use crate::reader::Reader;
use crate::row::{self, amount, parsed, units};
use crate::writer::Writer;

/// Why a budget allows something not, or is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// More than is left.
    #[error(
        "the order may cost {asked} {currency}, and {left} {currency} are left of the requestor's budget"
    )]
    OverBudget {
        /// Whose: the key.
        requestor: String,
        /// In what.
        currency: String,
        /// What is left.
        left: Amount,
        /// What was to be held.
        asked: Amount,
    },
    /// Nothing was ever granted, and the policy is to refuse such requestors.
    #[error(
        "the requestor {requestor} has no budget in {currency}, and this provider asks for one"
    )]
    NoBudget {
        /// Whose: the key.
        requestor: String,
        /// In what.
        currency: String,
    },
    /// The id is taken by another grant.
    #[error("the grant `{id}` exists with a different {what}")]
    ExistsWithDifferentGrant {
        /// The id.
        id: Id,
        /// In what it differs: `requestor`, `currency` or `amount`.
        what: &'static str,
    },
}

impl BudgetError {
    /// What can be done about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::OverBudget { .. } => "grant the requestor more, or order with lower limits",
            Self::NoBudget { .. } => "grant the requestor a budget",
            Self::ExistsWithDifferentGrant { .. } => "choose another id for the new grant",
        }
    }
}

/// Something that a requestor is granted, such as a deposit that it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The caller's name for it, unique among all grants.
    pub id: Id,
    /// Who may spend it.
    pub requestor: PublicKey,
    /// In what.
    pub currency: Currency,
    /// How much.
    pub amount: Amount,
}

/// Whether something was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is recorded now.
    New,
    /// The very same was recorded before, and is not recorded again.
    Before,
}

/// What a requestor may spend in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The currency.
    pub currency: Currency,
    /// All that was granted.
    pub granted: Amount,
    /// What is held for orders that are being run.
    pub held: Amount,
    /// What is left to be held for further orders. Nothing where more was spent than granted, as a
    /// requestor can who had no budget at first.
    pub left: Amount,
}

/// Posts a grant once.
pub(crate) fn grant(writer: &mut Writer, grant: &Grant) -> Result<Posted, LedgerError> {
    if let Some(known) = find_grant(writer.reader.connection(), &grant.id)? {
        for (what, differs) in [
            ("requestor", known.requestor != grant.requestor),
            ("currency", known.currency != grant.currency),
            ("amount", known.amount != grant.amount),
        ] {
            if differs {
                let id = grant.id.clone();
                return Err(BudgetError::ExistsWithDifferentGrant { id, what }.into());
            }
        }
        return Ok(Posted::Before);
    }
    let currency = grant.currency.to_string();
    let requestor = writer.key(grant.requestor.as_bytes())?;
    let from = writer.account(&Account::provider(Purpose::Granted, &currency))?;
    let to = writer.account(&Account::requestor(Purpose::Budget, requestor, &currency))?;
    let entry = writer.post("grant", None, (from, to), units(grant.amount)?)?;
    writer.reader.connection().execute(
        "INSERT INTO grants (id, requestor, currency, amount, entry) VALUES (?, ?, ?, ?, ?)",
        params![
            grant.id.as_str(),
            requestor,
            currency,
            grant.amount.units().to_string(),
            entry
        ],
    )?;
    Ok(Posted::New)
}

/// Fails if a hold is more than the requestor may have held.
pub(crate) fn check_hold(
    writer: &mut Writer,
    (requestor, key): (PublicKey, i64),
    currency: &str,
    hold: i128,
) -> Result<(), LedgerError> {
    let is_granted: bool = writer
        .reader
        .connection()
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM grants WHERE requestor = ? AND currency = ?)",
        )?
        .query_row(params![key, currency], |row| row.get(0))?;
    if !is_granted {
        return match writer.policy.budget_required {
            false => Ok(()),
            true => Err(BudgetError::NoBudget {
                requestor: requestor.to_string(),
                currency: currency.to_owned(),
            }
            .into()),
        };
    }
    let account = writer.account(&Account::requestor(Purpose::Budget, key, currency))?;
    let left = writer.balance(account)?;
    if hold <= left {
        return Ok(());
    }
    Err(BudgetError::OverBudget {
        requestor: requestor.to_string(),
        currency: currency.to_owned(),
        left: left_of(left),
        asked: Amount::from_units(hold.unsigned_abs()),
    }
    .into())
}

fn left_of(balance: i128) -> Amount {
    Amount::from_units(u128::try_from(balance).unwrap_or(0))
}

fn find_grant(connection: &Connection, id: &Id) -> Result<Option<Grant>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, keys.key, currency, amount
         FROM grants JOIN keys ON keys.number = grants.requestor WHERE id = ?",
    )?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(read_grant).transpose()
}

fn read_grant(row: &rusqlite::Row<'_>) -> Result<Grant, LedgerError> {
    Ok(Grant {
        id: parsed("grants.id", &row.get::<_, String>(0)?)?,
        requestor: row::public_key(&row.get(1)?)?,
        currency: parsed("grants.currency", &row.get::<_, String>(2)?)?,
        amount: amount("grants.amount", &row.get::<_, String>(3)?)?,
    })
}

impl Reader {
    /// What a requestor may spend, by currency; empty for one that was never granted anything.
    pub fn budgets(&self, requestor: &PublicKey) -> Result<Vec<Budget>, LedgerError> {
        let mut budgets: Vec<Budget> = Vec::new();
        for grant in self.grants(requestor)? {
            match budgets
                .iter_mut()
                .find(|one| one.currency == grant.currency)
            {
                Some(budget) => {
                    let sum = budget.granted.checked_add(grant.amount);
                    budget.granted = sum.map_err(|_| LedgerError::Overflow)?;
                }
                None => budgets.push(Budget {
                    currency: grant.currency,
                    granted: grant.amount,
                    held: self.balance_of(requestor, "held", grant.currency)?,
                    left: self.balance_of(requestor, "budget", grant.currency)?,
                }),
            }
        }
        Ok(budgets)
    }

    /// What a requestor was granted, the oldest first.
    pub fn grants(&self, requestor: &PublicKey) -> Result<Vec<Grant>, LedgerError> {
        let mut statement = self.connection().prepare(
            "SELECT id, keys.key, currency, amount
             FROM grants JOIN keys ON keys.number = grants.requestor
             WHERE keys.key = ? ORDER BY grants.number",
        )?;
        let mut rows = statement.query([requestor.as_bytes().as_slice()])?;
        let mut grants = Vec::new();
        while let Some(row) = rows.next()? {
            grants.push(read_grant(row)?);
        }
        Ok(grants)
    }

    fn balance_of(
        &self,
        requestor: &PublicKey,
        what: &str,
        currency: Currency,
    ) -> Result<Amount, LedgerError> {
        let balance: Option<String> = self
            .connection()
            .query_row(
                "SELECT balance FROM accounts WHERE name = ? AND currency = ?",
                [
                    format!("requestor:{requestor}:{what}"),
                    currency.to_string(),
                ],
                |row| row.get(0),
            )
            .optional()?;
        let balance = balance.as_deref().unwrap_or("0");
        Ok(left_of(parsed("accounts.balance", balance)?))
    }
}
