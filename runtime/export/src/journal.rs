//! Writes rows as a double-entry journal, in the dialect of hledger, ledger or beancount: what is owed to the
//! provider against what it was earned by. Balances nothing by itself: every transaction adds up because rows
//! do.

use std::collections::BTreeSet;
use std::io::Write;

use meterbox_billing::digest::Digest;
use meterbox_billing::money::{Amount, Currency};

use crate::calendar::Hour;
use crate::digits::{self, Signed};
use crate::error::ExportError;
use crate::row::{Entry, Party, Receipts, Row};
use crate::rows::Rows;

/// Accounts that were declared are remembered, 32 bytes each.
const REQUESTORS_MAX: usize = 1_000_000;
/// Enough to say why; the record has all of it.
const REASON_CHARACTERS_MAX: usize = 120;
/// Before any record: accounts are open from here on.
const OPEN_DATE: &str = "1970-01-01";

/// Whose journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `hledger`
    Hledger,
    /// `ledger`
    Ledger,
    /// `beancount`
    Beancount,
}

/// What rows of one transaction have in common. They come one after the other.
#[derive(Clone, PartialEq, Eq)]
struct Head {
    hour: Hour,
    requestor: Party,
    provider: Party,
    currency: Currency,
    /// Where a row is of one receipt.
    receipt: Option<Digest>,
}

struct Transaction {
    head: Head,
    postings: Vec<(&'static str, Amount, Digest)>,
    sum: Amount,
}

struct Journal<'a> {
    dialect: Dialect,
    out: &'a mut dyn Write,
    requestors: BTreeSet<Party>,
    accounts: BTreeSet<String>,
    currencies: BTreeSet<Currency>,
}

/// Writes all rows.
pub fn write(dialect: Dialect, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut journal = Journal {
        dialect,
        out,
        requestors: BTreeSet::new(),
        accounts: BTreeSet::new(),
        currencies: BTreeSet::new(),
    };
    // Only ledger, and only when it is pedantic, wants tags to be declared.
    if dialect == Dialect::Ledger {
        for tag in ["provider", "receipt", "receipts_root", "reason"] {
            writeln!(journal.out, "tag {tag}")?;
        }
    }
    let mut open: Option<Transaction> = None;
    for row in rows {
        let row = row?;
        let head = Head::of(&row);
        if open.as_ref().is_some_and(|open| open.head != head)
            && let Some(done) = open.take()
        {
            journal.write_usage(&done)?;
        }
        match &row.entry {
            Entry::Usage(usage) => {
                let digest = row.receipts.digest().expect("usage is of receipts");
                open.get_or_insert_with(|| Transaction::new(head)).add(
                    usage.item.name(),
                    usage.amount,
                    digest,
                )?;
            }
            Entry::Credit { .. } | Entry::Dispute { .. } | Entry::Rounding { .. } => {
                if let Some(done) = open.take() {
                    journal.write_usage(&done)?;
                }
                journal.write_other(&row)?;
            }
        }
    }
    match open {
        Some(done) => journal.write_usage(&done),
        None => Ok(()),
    }
}

impl Head {
    fn of(row: &Row) -> Self {
        Self {
            hour: row.hour,
            requestor: row.requestor,
            provider: row.provider,
            currency: row.currency,
            receipt: match &row.receipts {
                Receipts::One(one) => Some(one.digest),
                Receipts::Hour(_) | Receipts::None => None,
            },
        }
    }
}

impl Transaction {
    const fn new(head: Head) -> Self {
        Self {
            head,
            postings: Vec::new(),
            sum: Amount::ZERO,
        }
    }

    fn add(
        &mut self,
        item: &'static str,
        amount: Amount,
        digest: Digest,
    ) -> Result<(), ExportError> {
        self.sum = self
            .sum
            .checked_add(amount)
            .map_err(|_| ExportError::Overflow {
                what: "an hour's receipts".to_owned(),
            })?;
        self.postings.push((item, amount, digest));
        Ok(())
    }
}

impl Journal<'_> {
    fn write_usage(&mut self, transaction: &Transaction) -> Result<(), ExportError> {
        let head = &transaction.head;
        let receivable = self.declare(head)?;
        for (item, _, _) in &transaction.postings {
            self.declare_account(&income(item))?;
        }
        self.title(head, "Usage")?;
        self.tag("provider", &head.provider.to_string())?;
        self.posting(&receivable, Signed::plus(transaction.sum), head.currency)?;
        for (item, amount, digest) in &transaction.postings {
            self.posting(&income(item), Signed::minus(*amount), head.currency)?;
            let name = if head.receipt.is_some() {
                "receipt"
            } else {
                "receipts_root"
            };
            self.posting_tag(name, &digest.to_string())?;
        }
        Ok(writeln!(self.out)?)
    }

    fn write_other(&mut self, row: &Row) -> Result<(), ExportError> {
        let head = Head::of(row);
        let receivable = self.declare(&head)?;
        let receipt = head.receipt.map(|receipt| receipt.to_string());
        match &row.entry {
            Entry::Credit {
                id, amount, reason, ..
            } => {
                let account = "Income:Credits";
                self.declare_account(account)?;
                self.title(&head, &format!("Credit {}", plain(id.as_str())))?;
                self.tag("provider", &head.provider.to_string())?;
                self.tag("receipt", &receipt.unwrap_or_default())?;
                self.tag("reason", &plain(reason))?;
                self.posting(&receivable, Signed::minus(*amount), head.currency)?;
                self.posting(account, Signed::plus(*amount), head.currency)?;
            }
            Entry::Dispute { total, reason, .. } => {
                let total = digits::signed(Signed::plus(*total));
                let words = format!(
                    "dispute of receipt {} over {total} {} - {}",
                    receipt.unwrap_or_default(),
                    head.currency,
                    plain(reason)
                );
                let day = day(head.hour)?;
                if self.dialect == Dialect::Beancount {
                    writeln!(self.out, "{day} note {receivable} \"{words}\"")?;
                } else {
                    writeln!(self.out, "; {day} {receivable} {words}")?;
                }
            }
            Entry::Rounding {
                invoice, amount, ..
            } => {
                // Income where invoices add, an expense where they waive.
                let account = "Income:Rounding";
                self.declare_account(account)?;
                self.title(&head, &format!("Rounding of invoice {}", plain(invoice)))?;
                self.tag("provider", &head.provider.to_string())?;
                self.posting(&receivable, *amount, head.currency)?;
                self.posting(account, amount.negated(), head.currency)?;
            }
            Entry::Usage(_) => {}
        }
        Ok(writeln!(self.out)?)
    }

    /// Declares what a transaction needs, and names the requestor's account.
    fn declare(&mut self, head: &Head) -> Result<String, ExportError> {
        if self.currencies.insert(head.currency) {
            let currency = head.currency;
            match self.dialect {
                Dialect::Hledger => {
                    writeln!(self.out, "commodity 1000.000000000000000000 {currency}")?;
                }
                Dialect::Ledger => writeln!(self.out, "commodity {currency}")?,
                Dialect::Beancount => writeln!(self.out, "{OPEN_DATE} commodity {currency}")?,
            }
        }
        // A component of beancount's accounts begins with a capital letter or a digit.
        let account = format!("Assets:Receivable:R-{}", head.requestor);
        if self.requestors.insert(head.requestor) {
            if self.requestors.len() > REQUESTORS_MAX {
                return Err(ExportError::TooMany {
                    what: "requestors",
                    max: REQUESTORS_MAX,
                });
            }
            self.write_declaration(&account)?;
        }
        Ok(account)
    }

    fn declare_account(&mut self, account: &str) -> Result<(), ExportError> {
        if self.accounts.insert(account.to_owned()) {
            self.write_declaration(account)?;
        }
        Ok(())
    }

    fn write_declaration(&mut self, account: &str) -> Result<(), ExportError> {
        match self.dialect {
            Dialect::Beancount => writeln!(self.out, "{OPEN_DATE} open {account}")?,
            Dialect::Hledger | Dialect::Ledger => writeln!(self.out, "account {account}")?,
        }
        Ok(())
    }

    fn title(&mut self, head: &Head, words: &str) -> Result<(), ExportError> {
        let (day, hour) = (day(head.hour)?, head.hour.start()?);
        match self.dialect {
            Dialect::Beancount => {
                writeln!(
                    self.out,
                    "{day} * \"{}\" \"{words}, {hour}\"",
                    head.requestor
                )?;
            }
            // `:` would begin a tag, `|` and `;` other parts of the line: none of them is in a description
            // here.
            Dialect::Hledger | Dialect::Ledger => {
                let hour = hour.to_string().replace(':', ".");
                writeln!(self.out, "{day} * {words}, {hour}")?;
            }
        }
        Ok(())
    }

    fn tag(&mut self, name: &str, value: &str) -> Result<(), ExportError> {
        self.indented_tag("  ", name, value)
    }

    fn posting_tag(&mut self, name: &str, value: &str) -> Result<(), ExportError> {
        self.indented_tag("    ", name, value)
    }

    fn indented_tag(&mut self, indent: &str, name: &str, value: &str) -> Result<(), ExportError> {
        match self.dialect {
            Dialect::Beancount => writeln!(self.out, "{indent}{name}: \"{value}\"")?,
            Dialect::Hledger | Dialect::Ledger => {
                writeln!(self.out, "{indent}  ; {name}: {value}")?;
            }
        }
        Ok(())
    }

    fn posting(
        &mut self,
        account: &str,
        amount: Signed,
        currency: Currency,
    ) -> Result<(), ExportError> {
        let amount = digits::signed(amount);
        Ok(writeln!(self.out, "  {account}  {amount} {currency}")?)
    }
}

/// `memory_pages_peak` earns to `Income:Usage:Memory-Pages-Peak`.
fn income(item: &str) -> String {
    let words = item.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    format!("Income:Usage:{}", words.collect::<Vec<_>>().join("-"))
}

fn day(hour: Hour) -> Result<String, ExportError> {
    let text = hour.start()?.to_string();
    Ok(text.chars().take(OPEN_DATE.len()).collect())
}

/// A stranger's words without anything that means something in a journal: tags, dates, expressions, quotation
/// marks.
fn plain(words: &str) -> String {
    let kept = |c: char| {
        if c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | '/' | '_') {
            c
        } else {
            ' '
        }
    };
    let words: String = words
        .chars()
        .take(REASON_CHARACTERS_MAX)
        .map(kept)
        .collect();
    let words = words.trim();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_capitalised() {
        assert_eq!(
            income("memory_pages_peak"),
            "Income:Usage:Memory-Pages-Peak"
        );
        assert_eq!(income("job_fee"), "Income:Usage:Job-Fee");
    }

    #[test]
    fn a_strangers_words_mean_nothing_in_a_journal() {
        let words = "date:2026-99-99 [2020-01-01] \"x\"\n2026-01-01 * y\n  a  1 USD ; {=} | (1)";
        let plain = plain(words);
        assert!(
            !plain.contains([':', '[', ']', '"', '\n', ';', '{', '=', '|', '(', '*']),
            "{plain}"
        );
    }
}
