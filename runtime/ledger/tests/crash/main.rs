//! A process that writes the books from several threads is killed at random moments, or runs out of disk: no
//! receipt that it acknowledged is lost, none is doubled, the chain is whole, and every account balances.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use meterbox_billing::credit::Credit;
use meterbox_billing::digest::Digest;
use meterbox_billing::draft::Draft;
use meterbox_billing::envelope::Envelope;
use meterbox_billing::key::SigningKey;
use meterbox_billing::money::Amount;
use meterbox_billing::order::Order;
use meterbox_billing::outcome::Fault;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::record::{Record, Rounded, RoundingKind};
use meterbox_billing::text::Message;
use meterbox_ledger::{
    Books, Grant, INCOME, KnownOffer, Ledger, LedgerError, NewOrder, ROUNDING, Reader,
    RecordFilter, SealedReceipt,
};

#[path = "../fixture/mod.rs"]
mod fixture;

/// How often the writer is killed, unless the environment says otherwise.
const KILLS: u64 = 100;

/// Names another number of kills: a thousand, where there is time.
const KILLS_VARIABLE: &str = "METERBOX_LEDGER_KILLS";

/// The books that a process started by these tests is to write.
const VICTIM: &str = "METERBOX_LEDGER_VICTIM";

/// Threads that write at the same time, each for a requestor of its own.
const THREADS: u8 = 4;

/// All credits are given in the second in which the job of this receipt ended.
const CREDITED: u64 = 100;

/// Names the orders of one process apart from those of all others.
const ROUND: &str = "METERBOX_LEDGER_ROUND";

/// A fixed sequence of numbers that look like none (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Not a test of its own: the process that the tests below start, and kill.
#[test]
fn victim() {
    let Ok(path) = std::env::var(VICTIM) else {
        return;
    };
    let round = std::env::var(ROUND).unwrap();
    let ledger = Ledger::open(Path::new(&path), Duration::from_secs(10)).unwrap();
    tell(&format!("opened {}", std::process::id()));
    let books = Arc::new(Books::start(ledger).unwrap());
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (books, round) = (Arc::clone(&books), round.clone());
            std::thread::spawn(move || write(&books, &round, thread))
        })
        .collect();
    for thread in threads {
        if let Err(error) = thread.join().unwrap() {
            let hint = error.hint().unwrap_or_default();
            tell(&format!("refused {error:?} {hint}"));
        }
    }
}

/// One write: a pipe takes a line of this length as a whole, or not at all.
fn tell(line: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}

/// Orders, fails, records and gives credit until something refuses, and tells of each receipt.
fn write(books: &Books, round: &str, thread: u8) -> Result<(), LedgerError> {
    use meterbox_billing::envelope::Document as _;
    let key = fixture::requestor_of(thread);
    let offer = fixture::offer();
    let (known, named) = (KnownOffer::of(&offer)?, offer.digest().unwrap());
    for number in 0.. {
        let order = fixture::order_of(&key, &named, &format!("{round}-{thread}-{number}"), number);
        let envelope = fixture::sealed(&order, &key);
        // Later than any receipt ends: what is invoiced is over.
        let now = fixture::at(fixture::NOW + 1_000_000);
        let hold = fixture::amount("0.5");
        let new = NewOrder::read(&envelope, &known, hold, fixture::usd(), now)?;
        books.accept(new.clone())?;
        if number % 5 == 4 {
            let reason = Message::cut("the host failed");
            books.abandon(&order.id, Fault { reason })?;
            books.accept(new)?;
        }
        let signed = order.clone();
        let recorded = books.record_with(&order.id, move |next| {
            let receipt = fixture::receipt(&signed, next.sequence, next.previous);
            SealedReceipt::seal(&Draft::of(receipt)?, next, &fixture::provider())
        })?;
        tell(&format!(
            "recorded {} {} {}",
            recorded.sequence, recorded.digest, order.id
        ));
        if number % 3 == 2 {
            let id = format!("credit-{}", order.id);
            let credit = fixture::credit(&id, &recorded.digest, fixture::amount("0.0000001"));
            books.give_credit(fixture::sealed(&credit, &fixture::provider()))?;
        }
        if number % 2 == 0 && recorded.sequence != CREDITED {
            let invoice = format!("invoice-{}", order.id);
            let rounded = rounded(&key, &invoice, recorded.sequence, recorded.total);
            books.post_rounding(rounded)?;
            tell(&format!("rounded {invoice}"));
        }
        if number % 7 == 6 {
            books.grant(Grant {
                id: fixture::id(&format!("grant-{}", order.id)),
                requestor: key.public().unwrap(),
                currency: fixture::usd(),
                amount: fixture::amount("10"),
            })?;
        }
    }
    Ok(())
}

/// What an invoice of the one second rounds in which the job of a receipt ended: all of it, since it is far from a
/// cent.
fn rounded(key: &SigningKey, invoice: &str, sequence: u64, total: Amount) -> Rounded {
    let at = fixture::at(fixture::NOW + sequence);
    Rounded {
        invoice: Message::cut(invoice),
        requestor: key.public().unwrap(),
        provider: fixture::provider().public().unwrap(),
        currency: fixture::usd(),
        minor_unit_digits: 2,
        rounding: RoundingKind::Waived,
        amount: total,
        from: at,
        at,
    }
}

fn start(command: &mut Command, path: &Path, round: u64) -> Child {
    command
        .env(VICTIM, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The invoices whose rounding was acknowledged.
fn rounded_invoices(output: &str) -> Vec<String> {
    let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let invoice = |line: &str| line.strip_prefix("rounded ").map(str::to_owned);
    whole.lines().filter_map(invoice).collect()
}

/// What the books say of invoices: each is rounded once.
fn roundings(reader: &Reader) -> BTreeMap<String, Rounded> {
    let mut all = BTreeMap::new();
    for record in reader.records(&RecordFilter::default()).unwrap() {
        if let Record::Rounding(rounded) = record.unwrap().1 {
            let before = all.insert(rounded.invoice.to_string(), rounded);
            assert_eq!(before, None, "rounded twice");
        }
    }
    all
}

/// What was acknowledged: number, digest and order of each receipt.
fn acknowledged(output: &str) -> Vec<(u64, Digest, String)> {
    let line = |line: &str| {
        let mut words = line.strip_prefix("recorded ")?.split(' ');
        let number = words.next()?.parse().ok()?;
        Some((
            number,
            words.next()?.parse().ok()?,
            words.next()?.to_owned(),
        ))
    };
    // A line that the kill cut short acknowledged nothing.
    let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(line).collect()
}

/// Each is there once, as it was told.
fn check_acknowledged(path: &Path, told: &[(u64, Digest, String)]) {
    let reader = Reader::open(path).unwrap();
    for (number, digest, order) in told {
        let kept = reader.receipt_at(*number).unwrap().expect("it was told");
        let envelope = Envelope::from_bytes(&kept).unwrap();
        assert_eq!(envelope.payload_digest().unwrap(), *digest);
        let by_order = reader.receipt(&fixture::id(order)).unwrap().unwrap();
        assert_eq!(by_order, kept);
    }
}

/// The books once more, from nothing but the signed receipts and credits: the chain, each order once, and
/// what every account comes to.
fn check_against_receipts(reader: &Reader, told: &BTreeMap<u64, Digest>) {
    let (mut previous, mut orders) = (None, BTreeSet::new());
    let (mut income, mut spent) = (0_i128, BTreeMap::<String, i128>::new());
    let receipts = reader.next_sequence().unwrap();
    for sequence in 0..receipts {
        let bytes = reader.receipt_at(sequence).unwrap().unwrap();
        let envelope = Envelope::from_bytes(&bytes).unwrap();
        let key = fixture::provider().public().unwrap();
        let receipt: Receipt = envelope.open(&key).unwrap();
        let digest = envelope.payload_digest().unwrap();
        assert_eq!(receipt.attested().sequence, sequence);
        assert_eq!(receipt.attested().previous_receipt, previous);
        assert!(told.get(&sequence).is_none_or(|told| *told == digest));
        assert!(orders.insert(receipt.attested().order_id.clone()));
        let order = reader.order(&receipt.attested().order_id).unwrap().unwrap();
        let order: Order = Envelope::from_bytes(&order)
            .unwrap()
            .document_unverified()
            .unwrap();
        let mut units = i128::try_from(receipt.reproducible().total.units()).unwrap();
        for credit in reader.credits(&digest).unwrap() {
            let credit: Credit = Envelope::from_bytes(&credit).unwrap().open(&key).unwrap();
            units -= i128::try_from(credit.amount.units()).unwrap();
        }
        income += units;
        *spent.entry(order.requestor_key.to_string()).or_insert(0) -= units;
        previous = Some(digest);
    }
    assert!(told.keys().next_back().is_none_or(|last| *last < receipts));
    let digests: Vec<Digest> = reader
        .receipt_digests(0)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(digests.last().copied(), previous);
    for thread in 0..THREADS {
        let key = fixture::requestor_of(thread).public().unwrap();
        for grant in reader.grants(&key).unwrap() {
            let granted = i128::try_from(grant.amount.units()).unwrap();
            *spent.entry(key.to_string()).or_insert(0) += granted;
        }
    }
    let mut waived = 0_i128;
    for rounded in roundings(reader).values() {
        let units = i128::try_from(rounded.amount.units()).unwrap();
        waived += units;
        *spent.entry(rounded.requestor.to_string()).or_insert(0) += units;
    }
    for balance in reader.balances().unwrap() {
        let units = i128::try_from(balance.amount.units()).unwrap();
        let units = if balance.negative { -units } else { units };
        if balance.account == INCOME {
            assert_eq!(units, income);
        } else if balance.account == ROUNDING {
            assert_eq!(units, -waived);
        } else if let Some(account) = balance.account.strip_prefix("requestor:") {
            let expected = match account.strip_suffix(":budget") {
                Some(key) => spent.get(key).copied().unwrap_or(0),
                // Nothing is held once the books were opened and recovered.
                None => 0,
            };
            assert_eq!(units, expected, "{}", balance.account);
        }
    }
}

#[test]
fn acknowledged_receipts_survive_a_kill() {
    let kills = std::env::var(KILLS_VARIABLE).map_or(KILLS, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut dice = Dice(7);
    let (mut told, mut silent) = (BTreeMap::new(), 0_u64);
    let mut invoices = BTreeSet::new();
    let began = Instant::now();
    for round in 0..kills {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["victim", "--exact", "--nocapture"]);
        let mut child = start(&mut command, &path, round);
        let mut stdout = child.stdout.take().unwrap();
        let mut output = wait_for_a_moment(&mut stdout, round, &mut dice);
        child.kill().unwrap();
        stdout.read_to_string(&mut output).unwrap();
        let mut complaint = String::new();
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut complaint).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            status.code(),
            None,
            "it ended by itself: {output} {complaint}"
        );
        assert!(!output.contains("refused"), "{output}");
        invoices.extend(rounded_invoices(&output));
        let new = acknowledged(&output);
        silent += u64::from(new.is_empty());
        if path.exists() && !new.is_empty() {
            check_acknowledged(&path, &new);
        }
        for (number, digest, _) in new {
            assert_eq!(told.insert(number, digest), None, "told twice");
        }
        if round % 50 == 49 {
            assert_eq!(Reader::open(&path).unwrap().check().unwrap(), []);
        }
    }
    let ledger = Ledger::open(&path, Duration::ZERO).unwrap();
    check_against_receipts(&ledger, &told);
    assert_eq!(ledger.check().unwrap(), []);
    let rounded = roundings(&ledger);
    assert!(!invoices.is_empty() && invoices.iter().all(|invoice| rounded.contains_key(invoice)));
    let records = ledger.records(&RecordFilter::default()).unwrap();
    assert_eq!(
        records.count() as u64,
        ledger.stats().unwrap().records,
        "every record can be read"
    );
    println!(
        "{kills} kills, {silent} before the first receipt, {} receipts acknowledged of {} recorded, in {:?}",
        told.len(),
        ledger.next_sequence().unwrap(),
        began.elapsed()
    );
    assert!(
        told.len() as u64 > kills,
        "most were killed while they wrote"
    );
}

/// Waits for a moment to kill the writer at: in two of three rounds soon after some receipt, in the others
/// at any time from before the books are open. By the writer's own doings, since a machine that is busy
/// with other things may be slow.
fn wait_for_a_moment(
    stdout: &mut std::process::ChildStdout,
    round: u64,
    dice: &mut Dice,
) -> String {
    let mut output = Vec::new();
    let mut byte = [0];
    let mut receipts = if round % 3 == 2 { 0 } else { 1 + dice.below(6) };
    while receipts > 0 && stdout.read(&mut byte).unwrap() > 0 {
        output.extend_from_slice(&byte);
        receipts -= u64::from(output.ends_with(b"\nrecorded "));
    }
    let most = if round % 3 == 2 { 30_000 } else { 6_000 };
    std::thread::sleep(Duration::from_micros(dice.below(most)));
    String::from_utf8(output).unwrap()
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged_and_the_error_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    // A file of the process may grow to 4,000 blocks of 512 bytes, as if the disk had no more; the signal
    // that would end the process is ignored, as a full disk sends none.
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 4000; exec \"$0\" victim --exact --nocapture",
        ])
        .arg(std::env::current_exe().unwrap());
    let mut child = start(&mut command, &path, 0);
    let (mut output, mut complaint) = (String::new(), String::new());
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_to_string(&mut output).unwrap();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut complaint).unwrap();
    assert!(child.wait().unwrap().success(), "{output} {complaint}");
    let told = acknowledged(&output);
    assert!(!told.is_empty());
    let refused: Vec<&str> = output
        .lines()
        .filter(|line| line.starts_with("refused"))
        .collect();
    assert_eq!(refused.len(), usize::from(THREADS), "{output}");
    for line in refused {
        assert!(
            line.contains("NotWritten") && line.contains("make room"),
            "{line}"
        );
    }
    check_acknowledged(&path, &told);
    // With room again, the books go on where they were.
    let ledger = Ledger::open(&path, Duration::ZERO).unwrap();
    let told = told.into_iter().map(|(number, digest, _)| (number, digest));
    check_against_receipts(&ledger, &told.collect());
    assert_eq!(ledger.check().unwrap(), []);
}
