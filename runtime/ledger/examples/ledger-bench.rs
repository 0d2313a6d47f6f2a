//! Measures the ledger: durable receipts a second with signing, the same bytes in a plain SQLite insert loop,
//! verifying, reading records, opening and checking. Prints a line a figure.
//!
//! `cargo run --release -p meterbox-ledger --example ledger-bench -- [RECEIPTS [FOLDER [CLIENTS]]]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on ends, and prints what it found"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use meterbox_billing::digest::Digest;
use meterbox_billing::draft::Draft;
use meterbox_billing::envelope::{Document as _, Envelope};
use meterbox_billing::inspection::{Finding, Trusted, inspect};
use meterbox_billing::key::PublicKey;
use meterbox_billing::order::Order;
use meterbox_billing::receipt::{Receipt, Reproducible};
use meterbox_billing::verify::verify;
use meterbox_ledger::{Books, KnownOffer, Ledger, NewOrder, Reader, RecordFilter, SealedReceipt};
use rusqlite::{Connection, params};

#[path = "../tests/fixture/mod.rs"]
mod fixture;

/// Clients that each wait for their receipt before they order again, unless told otherwise.
const CLIENTS: u64 = 64;

/// Requestors that they order for.
const REQUESTORS: u64 = 16;

/// How many a second there are to be on two cores; said beside the figure, whatever it is.
const RECORDED_AIM: u128 = 5_000;

/// How many a second one core is to verify.
const VERIFIED_AIM: u128 = 10_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let receipts: u64 = arguments
        .next()
        .map_or(50_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir_in(
        arguments
            .next()
            .map_or_else(std::env::temp_dir, PathBuf::from),
    )
    .unwrap();
    let path = folder.path().join("ledger.sqlite");
    let clients = arguments
        .next()
        .map_or(CLIENTS, |text| text.parse().unwrap());
    println!("{receipts} receipts, {clients} clients, {REQUESTORS} requestors");
    let orders: Vec<(Order, Vec<u8>, Reproducible)> =
        (0..receipts.min(100_000)).map(prepared).collect();
    println!(
        "an order's envelope has {} bytes, a receipt's {}",
        orders[0].1.len(),
        sealed(&orders[0].0, &orders[0].2, 0, None).len()
    );
    record(&path, receipts, clients, orders);
    plain(&folder.path().join("plain.sqlite"), &path);
    verify_all(&path);
    read(&path);
    open_and_check(&path);
    let copy = folder.path().join("copy.sqlite");
    backup(&path, &copy);
    read_many(&copy);
}

/// Time by the clock, and processor time of all threads: on a machine that does other things meanwhile, the
/// second says what the work takes.
struct Watch(Instant, Duration);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), cpu_time())
    }

    fn stop(&self, what: &str, count: u64) {
        println!("{}", self.figure(what, count).0);
    }

    /// The same, with what it is to be at the least.
    fn stop_with_aim(&self, what: &str, count: u64, aim: u128) {
        let (figure, per_second) = self.figure(what, count);
        let verdict = match per_second >= aim {
            true => "met",
            false => "not met",
        };
        println!("{figure}\n  the aim is {aim} a second or more: {verdict}");
    }

    fn figure(&self, what: &str, count: u64) -> (String, u128) {
        let (took, used) = (self.0.elapsed(), cpu_time().saturating_sub(self.1));
        let per_second = u128::from(count) * 1_000_000_000 / took.as_nanos().max(1);
        let each = used.as_nanos() / u128::from(count.max(1));
        let figure = format!(
            "{what}: {count} in {took:.2?}, {per_second} a second; {}.{:03} µs of a processor each",
            each / 1_000,
            each % 1_000
        );
        (figure, per_second)
    }
}

/// Orders that are signed already, as they come from requestors, and what their jobs came to.
fn prepared(number: u64) -> (Order, Vec<u8>, Reproducible) {
    let key = fixture::requestor_of(u8::try_from(number % REQUESTORS).unwrap());
    let offer = fixture::offer().digest().unwrap();
    let order = fixture::order_of(&key, &offer, &format!("order-{number:08}"), number);
    let envelope = fixture::sealed(&order, &key);
    let part = fixture::reproducible(&order, 1_000_000_000 + u128::from(number));
    (order, envelope, part)
}

fn sealed(order: &Order, part: &Reproducible, sequence: u64, previous: Option<Digest>) -> Vec<u8> {
    let attested = fixture::attested(order, sequence, previous);
    let receipt = Receipt::new(part.clone(), attested).unwrap();
    fixture::sealed(&receipt, &fixture::provider())
}

/// Every client accepts an order, then records its receipt, which is signed in between.
fn record(path: &Path, receipts: u64, clients: u64, orders: Vec<(Order, Vec<u8>, Reproducible)>) {
    let books = Arc::new(Books::start(Ledger::open(path, Duration::ZERO).unwrap()).unwrap());
    let (orders, next) = (Arc::new(orders), Arc::new(AtomicU64::new(0)));
    let offer = Arc::new(KnownOffer::of(&fixture::offer()).unwrap());
    let began = Watch::start();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (books, orders) = (Arc::clone(&books), Arc::clone(&orders));
            let (next, offer) = (Arc::clone(&next), Arc::clone(&offer));
            std::thread::spawn(move || {
                let key = fixture::provider();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= receipts {
                        return;
                    }
                    one(&books, &orders, &offer, &key, number);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    began.stop_with_aim(
        "accepted, signed and recorded durably",
        receipts,
        RECORDED_AIM,
    );
    Arc::into_inner(books).unwrap().close().unwrap();
    let bytes = std::fs::metadata(path).unwrap().len();
    println!("  {} bytes a receipt on disk", bytes / receipts);
}

fn one(
    books: &Books,
    orders: &[(Order, Vec<u8>, Reproducible)],
    offer: &KnownOffer,
    key: &meterbox_billing::key::SigningKey,
    number: u64,
) {
    let held = fixture::amount("0.5");
    let (order, envelope, part) = match orders.get(usize::try_from(number).unwrap()) {
        Some(prepared) => prepared.clone(),
        // More than are kept in memory are signed on the way, which the time then contains.
        None => prepared(number),
    };
    let now = fixture::at(fixture::NOW);
    let new = NewOrder::read(&envelope, offer, held, fixture::usd(), now).unwrap();
    books.accept(new).unwrap();
    let (id, key) = (order.id.clone(), key.clone());
    let receipt = Receipt::new(part, fixture::attested(&order, 0, None)).unwrap();
    let draft = Draft::of(receipt).unwrap();
    books
        .record_with(&id, move |next| SealedReceipt::seal(&draft, next, &key))
        .unwrap();
}

/// Processor time of this process so far, all threads.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = after_name.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|text| text.parse::<u64>().ok()).sum();
    // Linux tells these in hundredths of a second.
    Duration::from_millis(ticks * 10)
}

/// The same envelopes into one table, with the same settings: each alone, and 512 a transaction.
fn plain(path: &Path, ledger: &Path) {
    let source = Connection::open(ledger).unwrap();
    let mut statement = source
        .prepare(
            "SELECT orders.envelope, receipts.envelope FROM receipts
             JOIN orders ON orders.number = receipts.order_number ORDER BY sequence LIMIT 100000",
        )
        .unwrap();
    let rows: Vec<(Vec<u8>, Vec<u8>)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let file = Connection::open(path).unwrap();
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
        file.pragma_update(None, name, value).unwrap();
    }
    file.execute_batch(
        "CREATE TABLE documents (number INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT",
    )
    .unwrap();
    let insert = |content: &[u8]| {
        file.prepare_cached("INSERT INTO documents (content) VALUES (?)")
            .unwrap()
            .execute(params![content])
            .unwrap();
    };
    let few = &rows[..rows.len().min(1_000)];
    let began = Watch::start();
    for (order, receipt) in few {
        insert(order);
        insert(receipt);
    }
    began.stop("plain inserts, one at a time", few.len() as u64);
    let began = Watch::start();
    for batch in rows.chunks(256) {
        // Orders and receipts come at different times: a transaction each.
        for part in [true, false] {
            file.execute_batch("BEGIN").unwrap();
            for (order, receipt) in batch {
                insert(if part { order } else { receipt });
            }
            file.execute_batch("COMMIT").unwrap();
        }
    }
    began.stop("plain inserts, 256 a transaction", rows.len() as u64);
}

fn verify_all(path: &Path) {
    let reader = Reader::open(path).unwrap();
    let count = reader.next_sequence().unwrap().min(10_000);
    let envelopes: Vec<Vec<u8>> = (0..count)
        .map(|sequence| reader.receipt_at(sequence).unwrap().unwrap())
        .collect();
    let key = fixture::provider().public().unwrap();
    let began = Watch::start();
    for envelope in &envelopes {
        verify(envelope, Some(&key), None).unwrap();
    }
    began.stop_with_aim("verified on one core", count, VERIFIED_AIM);
    // As a folder of them is: all that is the same of each is looked up once.
    let card = meterbox_billing::rate_card::default_card().unwrap();
    let trusted = Trusted::new([key], [card]).unwrap();
    let began = Watch::start();
    for envelope in &envelopes {
        assert_eq!(inspect(envelope, &trusted).finding, Finding::Valid);
    }
    began.stop_with_aim("verified with their card on one core", count, VERIFIED_AIM);
    signatures(&envelopes, &key);
}

/// What no way of verifying comes below: the signature itself.
fn signatures(envelopes: &[Vec<u8>], key: &PublicKey) {
    let signed: Vec<(Vec<u8>, [u8; 64])> = envelopes
        .iter()
        .map(|bytes| {
            let envelope = Envelope::from_bytes(bytes).unwrap();
            (envelope.pae().unwrap(), envelope.signature_bytes().unwrap())
        })
        .collect();
    let began = Watch::start();
    for (message, signature) in &signed {
        assert!(key.has_signed(message, signature));
    }
    began.stop("  of which their signatures", signed.len() as u64);
}

fn read(path: &Path) {
    let reader = Reader::open(path).unwrap();
    let began = Watch::start();
    let (mut count, mut lines) = (0_u64, 0_u64);
    for record in reader.records(&RecordFilter::default()).unwrap() {
        let (_, record) = record.unwrap();
        count += 1;
        if let meterbox_billing::record::Record::Charge(charge) = record {
            lines += charge.lines.len() as u64;
        }
    }
    began.stop("records read", count);
    println!("  with {lines} lines");
    let began = Watch::start();
    let count = reader.receipt_digests(0).unwrap().count();
    began.stop("digests read", count as u64);
}

/// Copies the records until there are a million, and reads them.
fn read_many(path: &Path) {
    let file = Connection::open(path).unwrap();
    file.pragma_update(None, "synchronous", "OFF").unwrap();
    let count = |file: &Connection| -> i64 {
        file.query_row("SELECT count(*) FROM records", [], |row| row.get(0))
            .unwrap()
    };
    let columns = "kind, at, sequence, receipt, order_id, requestor, provider, job, currency, amount, \
                   module, rate_card, started_at, outcome, lines";
    while count(&file) < 1_000_000 {
        let there = count(&file);
        let copy = format!(
            "INSERT INTO records (number, {columns}) SELECT number + {there}, {columns} FROM records
             WHERE number < 1000000 - {there}"
        );
        file.execute(&copy, []).unwrap();
    }
    drop(file);
    read(path);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("  peak memory of this process, {peak}");
    }
}

fn open_and_check(path: &Path) {
    for what in ["opened with all of it unchecked", "opened again"] {
        let began = Watch::start();
        let ledger = Ledger::open(path, Duration::ZERO).unwrap();
        began.stop(what, ledger.next_sequence().unwrap());
    }
    let reader = Reader::open(path).unwrap();
    let count = reader.next_sequence().unwrap();
    let began = Watch::start();
    assert_eq!(reader.check().unwrap(), []);
    began.stop("checked in full, signatures too", count);
    let began = Watch::start();
    let stats = reader.stats().unwrap();
    began.stop("counted", stats.records);
}

fn backup(path: &Path, copy: &Path) {
    let reader = Reader::open(path).unwrap();
    let began = Watch::start();
    let copied = reader.backup(copy, |_, _| ()).unwrap();
    began.stop("backed up and checked", copied.receipts);
    println!("  {} MB", copied.bytes / 1_000_000);
}
