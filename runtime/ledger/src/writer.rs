//! Owns the one transaction that is being written, and what is known of the books without asking the
//! file: the next numbers, and the balances in use. Decides nothing.

use std::collections::{BTreeSet, HashMap};

use meterbox_billing::digest::Digest;
use meterbox_billing::key::PublicKey;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::account::Account;
use crate::charge::Next;
use crate::reader::Reader;
use crate::row::{self, mark, next_number, parsed, row_number, sequence_number};
use crate::{LedgerError, Policy};

/// Keys, accounts and balances that are kept in memory; more are forgotten and asked for again.
const KEPT_MAX: usize = 100_000;

/// What the next rows are numbered by, and continue from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The next receipt's number.
    pub(crate) sequence: u64,
    /// The last receipt.
    pub(crate) last_receipt: Option<Digest>,
    /// The next entry's number.
    pub(crate) entry: i64,
    /// The next record's number.
    pub(crate) record: i64,
    /// The latest time that the books were told, in seconds since 1970.
    pub(crate) clock: i64,
}

/// The connection that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) reader: Reader,
    pub(crate) policy: Policy,
    pub(crate) place: Place,
    keys: HashMap<[u8; 32], i64>,
    accounts: HashMap<Account, i64>,
    balances: HashMap<i64, i128>,
    /// Balances that the file does not have yet.
    changed: BTreeSet<i64>,
    /// What the step at hand changed, to be taken back should it fail.
    undo: Vec<(i64, i128)>,
    last_offer: Option<(Digest, i64)>,
    public_keys: HashMap<i64, PublicKey>,
    /// Why SQLite undid the last transaction by itself.
    lost: Option<String>,
}

impl Writer {
    pub(crate) fn new(reader: Reader) -> Result<Self, LedgerError> {
        Ok(Self {
            place: Place::read(reader.connection())?,
            reader,
            policy: Policy::default(),
            keys: HashMap::new(),
            accounts: HashMap::new(),
            balances: HashMap::new(),
            changed: BTreeSet::new(),
            undo: Vec::new(),
            last_offer: None,
            public_keys: HashMap::new(),
            lost: None,
        })
    }

    /// Does one thing in a transaction of its own: all of it, or nothing.
    pub(crate) fn transact<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.begin()?;
        match step(self) {
            Ok(value) => {
                self.commit()?;
                Ok(value)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    pub(crate) fn begin(&mut self) -> Result<(), LedgerError> {
        if !self.is_lost() {
            // What was to sign a receipt panicked, and whoever held the ledger went on.
            self.roll_back();
        }
        Ok(self
            .reader
            .connection()
            .prepare_cached("BEGIN IMMEDIATE")?
            .execute([])
            .map(drop)?)
    }

    /// Does one step of a transaction: all of it, or nothing, while the others stand.
    ///
    /// Fails with [`Self::is_lost`] when the whole transaction is undone.
    pub(crate) fn attempt<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let place = self.place;
        self.undo.clear();
        self.run("SAVEPOINT step")?;
        match step(self) {
            Ok(value) => {
                self.run("RELEASE step")?;
                Ok(value)
            }
            Err(error) => {
                if self.is_lost() {
                    self.lost = Some(error.to_string());
                } else {
                    self.run("ROLLBACK TO step")?;
                    self.run("RELEASE step")?;
                }
                self.place = place;
                for (account, balance) in std::mem::take(&mut self.undo).into_iter().rev() {
                    self.balances.insert(account, balance);
                }
                // Rows of these that the step made are gone.
                self.forget_rows();
                Err(error)
            }
        }
    }

    fn run(&self, statement: &str) -> Result<(), LedgerError> {
        self.reader
            .connection()
            .prepare_cached(statement)?
            .execute([])?;
        Ok(())
    }

    /// Whether SQLite has undone the transaction by itself, as it does when a disk is full.
    pub(crate) fn is_lost(&self) -> bool {
        self.reader.connection().is_autocommit()
    }

    /// Writes the balances and ends the transaction. When this returns, it is on disk.
    pub(crate) fn commit(&mut self) -> Result<(), LedgerError> {
        let written = self.write_changes().and_then(|()| self.run("COMMIT"));
        if let Err(error) = written {
            self.roll_back();
            return Err(error);
        }
        self.changed.clear();
        self.undo.clear();
        if self.balances.len().max(self.keys.len()) > KEPT_MAX {
            self.forget();
        }
        Ok(())
    }

    fn write_changes(&mut self) -> Result<(), LedgerError> {
        for account in &self.changed {
            if let Some(balance) = self.balances.get(account) {
                self.reader
                    .connection()
                    .prepare_cached("UPDATE accounts SET balance = ? WHERE number = ?")?
                    .execute(params![balance.to_string(), account])?;
            }
        }
        self.reader
            .connection()
            .prepare_cached("UPDATE marks SET value = ?1 WHERE name = 'clock' AND value <> ?1")?
            .execute([self.place.clock])?;
        Ok(())
    }

    /// Ends the transaction and takes everything in it back.
    pub(crate) fn roll_back(&mut self) {
        if !self.is_lost() {
            // Nothing was committed, whether or not this succeeds.
            drop(self.run("ROLLBACK"));
        }
        self.forget();
        if let Ok(place) = Place::read(self.reader.connection()) {
            self.place = place;
        }
    }

    fn forget(&mut self) {
        self.forget_rows();
        self.balances.clear();
        self.changed.clear();
        self.undo.clear();
    }

    fn forget_rows(&mut self) {
        self.keys.clear();
        self.public_keys.clear();
        self.accounts.clear();
        self.last_offer = None;
    }

    /// Why SQLite undid the transaction by itself, as it does when a disk is full.
    pub(crate) fn lost(&mut self) -> LedgerError {
        LedgerError::NotWritten {
            reason: self.lost.take().unwrap_or_default(),
        }
    }

    /// Says that all that is in the books was checked.
    pub(crate) fn mark_checked(&mut self) -> Result<(), LedgerError> {
        self.write_changes()?;
        let connection = self.reader.connection();
        connection.execute(
            "UPDATE accounts SET verified = balance WHERE verified <> balance",
            [],
        )?;
        for (name, value) in [
            ("entries", self.place.entry),
            ("records", self.place.record),
        ] {
            connection.execute(
                "UPDATE marks SET value = ? WHERE name = ?",
                params![value, name],
            )?;
        }
        Ok(())
    }

    /// The key of this row.
    pub(crate) fn public_key(&mut self, number: i64) -> Result<PublicKey, LedgerError> {
        if let Some(key) = self.public_keys.get(&number) {
            return Ok(*key);
        }
        let key = row::key(self.reader.connection(), number)?;
        self.public_keys.insert(number, key);
        Ok(key)
    }

    pub(crate) fn key(&mut self, key: &[u8; 32]) -> Result<i64, LedgerError> {
        if let Some(number) = self.keys.get(key) {
            return Ok(*number);
        }
        let number = row::key_number(self.reader.connection(), key)?;
        self.keys.insert(*key, number);
        Ok(number)
    }

    /// The row of an offer, made where there is none.
    pub(crate) fn offer(
        &mut self,
        digest: Digest,
        provider: &[u8; 32],
        payload: &[u8],
    ) -> Result<i64, LedgerError> {
        if let Some((_, number)) = self.last_offer.filter(|(last, _)| *last == digest) {
            return Ok(number);
        }
        let provider = self.key(provider)?;
        let bytes = digest.as_bytes().as_slice();
        let found = self
            .reader
            .connection()
            .prepare_cached("SELECT number FROM offers WHERE digest = ?")?
            .query_row([bytes], |row| row.get(0))
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => {
                self.reader.connection().execute(
                    "INSERT INTO offers (digest, provider, payload) VALUES (?, ?, ?)",
                    params![bytes, provider, payload],
                )?;
                self.reader.connection().last_insert_rowid()
            }
        };
        self.last_offer = Some((digest, number));
        Ok(number)
    }

    /// The row of an account, made where there is none.
    pub(crate) fn account(&mut self, account: &Account) -> Result<i64, LedgerError> {
        if let Some(number) = self.accounts.get(account) {
            return Ok(*number);
        }
        let name = account.name(self.reader.connection())?;
        let found = self
            .reader
            .connection()
            .query_row(
                "SELECT number FROM accounts WHERE name = ? AND currency = ?",
                [&name, &account.currency],
                |row| row.get(0),
            )
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => {
                self.reader.connection().execute(
                    "INSERT INTO accounts (name, currency) VALUES (?, ?)",
                    [&name, &account.currency],
                )?;
                self.reader.connection().last_insert_rowid()
            }
        };
        self.accounts.insert(account.clone(), number);
        Ok(number)
    }

    /// What an account comes to.
    pub(crate) fn balance(&mut self, account: i64) -> Result<i128, LedgerError> {
        if let Some(balance) = self.balances.get(&account) {
            return Ok(*balance);
        }
        let text: String = self
            .reader
            .connection()
            .prepare_cached("SELECT balance FROM accounts WHERE number = ?")?
            .query_row([account], |row| row.get(0))?;
        let balance = parsed("accounts.balance", &text)?;
        self.balances.insert(account, balance);
        Ok(balance)
    }

    /// Posts one entry: the same amount from one account to another, so that all accounts add up to
    /// nothing at all times. Returns its number.
    pub(crate) fn post(
        &mut self,
        kind: &'static str,
        order: Option<i64>,
        (from, to): (i64, i64),
        units: i128,
    ) -> Result<i64, LedgerError> {
        let entry = self.place.entry;
        self.reader
            .connection()
            .prepare_cached(
                "INSERT INTO entries (number, kind, order_number, from_account, to_account, amount)
                 VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![entry, kind, order, from, to, units.to_string()])?;
        let taken = units.checked_neg().ok_or(LedgerError::Overflow)?;
        for (account, change) in [(from, taken), (to, units)] {
            let before = self.balance(account)?;
            let after = before.checked_add(change).ok_or(LedgerError::Overflow)?;
            self.undo.push((account, before));
            self.balances.insert(account, after);
            self.changed.insert(account);
        }
        self.place.entry = entry.checked_add(1).ok_or(LedgerError::Overflow)?;
        Ok(entry)
    }
}

impl Place {
    /// Where the next receipt goes.
    pub(crate) const fn next(&self) -> Next {
        Next {
            sequence: self.sequence,
            previous: self.last_receipt,
        }
    }

    fn read(connection: &Connection) -> Result<Self, LedgerError> {
        let sequence = sequence_number(next_number(connection, "receipts")?)?;
        Ok(Self {
            sequence,
            last_receipt: receipt_before(connection, sequence)?,
            entry: next_number(connection, "entries")?,
            record: next_number(connection, "records")?,
            clock: mark(connection, "clock")?,
        })
    }
}

/// The digest of the receipt before this one; none before the first.
pub(crate) fn receipt_before(
    connection: &Connection,
    sequence: u64,
) -> Result<Option<Digest>, LedgerError> {
    let Some(last) = sequence.checked_sub(1) else {
        return Ok(None);
    };
    let bytes: [u8; 32] = connection
        .prepare_cached("SELECT digest FROM receipts WHERE sequence = ?")?
        .query_row([row_number(last)?], |row| row.get(0))?;
    Ok(Some(Digest::from_bytes(bytes)))
}
