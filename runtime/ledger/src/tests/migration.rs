//! Files of the first schema, as the program of that time wrote them.

use rusqlite::{Connection, params};

use super::*;
use crate::schema;

/// What the first program posted for an entry: two rows that cancel each other.
fn post(file: &Connection, entry: i64, order: &str, kind: &str, accounts: [&str; 2], units: u128) {
    for (account, sign) in accounts.into_iter().zip(["-", ""]) {
        file.execute(
            "INSERT INTO postings (entry, order_id, account, kind, currency, amount)
             VALUES (?, ?, ?, ?, 'USD', ?)",
            params![entry, order, account, kind, format!("{sign}{units}")],
        )
        .unwrap();
    }
}

fn insert_order(file: &Connection, order: &Order) {
    use meterbox_billing::envelope::Document as _;
    file.execute(
        "INSERT INTO orders (id, digest, requestor, currency, envelope) VALUES (?, ?, ?, 'USD', ?)",
        params![
            order.id.as_str(),
            order.digest().unwrap().to_string(),
            order.requestor_key.to_string(),
            sealed(order)
        ],
    )
    .unwrap();
}

fn insert_receipt(
    file: &Connection,
    order: &Order,
    sequence: u64,
    previous: Option<Digest>,
) -> Digest {
    let envelope = receipt_at(order, sequence, previous);
    let read = meterbox_billing::envelope::Envelope::from_bytes(&envelope).unwrap();
    let digest = read.payload_digest().unwrap();
    let receipt = fixture::receipt(order, sequence, previous);
    file.execute(
        "INSERT INTO receipts (sequence, order_id, digest, previous, total, envelope) VALUES (?, ?, ?, ?, ?, ?)",
        params![
            i64::try_from(sequence).unwrap(),
            order.id.as_str(),
            digest.to_string(),
            previous.map(|digest| digest.to_string()),
            receipt.reproducible().total.units().to_string(),
            envelope
        ],
    )
    .unwrap();
    digest
}

/// Two orders that were done, one that failed and one that is being run.
fn first_books(path: &Path) {
    let file = schema::first_version(path);
    let orders = ["a", "b", "c", "d"].map(|name| order(name, 1));
    let key = requestor().public().unwrap();
    let (budget, held) = (
        format!("requestor:{key}:budget"),
        format!("requestor:{key}:held"),
    );
    let hold = amount("0.5").units();
    let (mut entry, mut previous) = (0, None);
    let mut next = || {
        entry += 1;
        entry - 1
    };
    for order in &orders {
        insert_order(&file, order);
        post(
            &file,
            next(),
            order.id.as_str(),
            "hold",
            [&budget, &held],
            hold,
        );
        let id = order.id.as_str();
        match id {
            "a" | "c" => {
                let sequence = if id == "a" { 0 } else { 1 };
                let charge = amount("0.00000122").units();
                let charge = fixture::receipt(order, sequence, previous)
                    .reproducible()
                    .total
                    .units()
                    .max(charge);
                previous = Some(insert_receipt(&file, order, sequence, previous));
                post(&file, next(), id, "charge", [&held, INCOME], charge);
                post(
                    &file,
                    next(),
                    id,
                    "release",
                    [&held, &budget],
                    hold - charge,
                );
            }
            "b" => {
                file.execute(
                    "INSERT INTO faults (order_id, reason) VALUES ('b', 'gone')",
                    [],
                )
                .unwrap();
                post(&file, next(), id, "release", [&held, &budget], hold);
            }
            _ => {}
        }
    }
}

#[test]
fn a_file_of_the_first_schema_is_migrated_with_its_content_and_balances() {
    let (_folder, path) = books();
    first_books(&path);
    let sums: Vec<(String, String)> = {
        let file = Connection::open(&path).unwrap();
        let mut statement = file
            .prepare("SELECT account, sum(CAST(amount AS INTEGER)) FROM postings GROUP BY account ORDER BY account")
            .unwrap();
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.to_string()))
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    let older = Reader::open(&path).unwrap_err();
    assert!(
        matches!(older, LedgerError::OlderSchema { found: 1, known: 3 }),
        "{older}"
    );
    // Migrated, and not opened: what is being run still is.
    drop(schema::open(&path).unwrap());
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.check().unwrap(), []);
    let migrated: Vec<(String, String)> = reader
        .balances()
        .unwrap()
        .into_iter()
        .map(|balance| {
            let sign = if balance.negative { "-" } else { "" };
            (balance.account, format!("{sign}{}", balance.amount.units()))
        })
        .collect();
    assert_eq!(migrated, sums);
    let entries = reader.list(&Filter::default()).unwrap();
    let states: Vec<_> = entries.into_iter().map(|entry| entry.state).collect();
    assert!(matches!(states[0], State::Done { sequence: 0, .. }));
    assert!(matches!(&states[1], State::Faulted { reason } if reason.as_str() == "gone"));
    assert!(matches!(states[2], State::Done { sequence: 1, .. }));
    assert!(matches!(&states[3], State::Pending { held } if *held == amount("0.5")));
    drop(reader);

    let mut ledger = open(&path);
    assert_eq!(ledger.recovered(), [id("d")]);
    assert_eq!(
        ledger.order(&id("a")).unwrap().unwrap(),
        sealed(&order("a", 1))
    );
    assert_eq!(
        ledger.receipt(&id("a")).unwrap().unwrap(),
        receipt_at(&order("a", 1), 0, None)
    );
    assert_eq!(ledger.records(&RecordFilter::default()).unwrap().count(), 2);
    // The chain goes on, and what failed may come again.
    finish(&mut ledger, &order("b", 1));
    finish(&mut ledger, &order("d", 1));
    finish(&mut ledger, &order("e", 1));
    assert_eq!(ledger.next_sequence().unwrap(), 5);
    assert_eq!(ledger.check().unwrap(), []);
    let unused: i64 = ledger
        .connection()
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'first%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(unused, 0);
}

#[test]
fn a_file_of_the_second_schema_keeps_its_rows_and_takes_what_invoices_round() {
    let (_folder, path) = books();
    first_books(&path);
    let rows = |file: &Connection, query: &str| -> Vec<String> {
        let mut statement = file.prepare(query).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells = (0..columns).map(|column| format!("{:?}", row.get_ref(column).unwrap()));
            Ok(cells.collect::<Vec<_>>().join(" "))
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    let tables = [
        "SELECT * FROM entries ORDER BY number",
        "SELECT number, kind, at, sequence, receipt, order_id, requestor, provider, job, currency, amount, module,
                rate_card, started_at, outcome, lines, document, id, reason FROM records ORDER BY number",
        "SELECT * FROM pending ORDER BY order_number",
        "SELECT * FROM receipts ORDER BY sequence",
    ];
    let before = {
        let file = schema::second_version(&path);
        tables.map(|query| rows(&file, query))
    };
    assert!(before.iter().all(|rows| !rows.is_empty()));
    let older = Reader::open(&path).unwrap_err();
    assert!(
        matches!(older, LedgerError::OlderSchema { found: 2, known: 3 }),
        "{older}"
    );
    let migrated = schema::open(&path).unwrap();
    assert!(tables.map(|query| rows(&migrated, query)) == before);
    // Names of tables are those of the new ones, and are enforced again.
    let orphan = "INSERT INTO grants (id, requestor, currency, amount, entry) VALUES ('g', 1, 'USD', '1', 99)";
    assert!(migrated.execute(orphan, []).is_err());
    assert!(migrated.execute("DELETE FROM entries", []).is_err());
    assert!(migrated.execute("UPDATE records SET at = 0", []).is_err());
    drop(migrated);
    let mut ledger = open(&path);
    finish(&mut ledger, &order("e", 1));
    let rounded = roundings::rounded(&ledger, "2026-1");
    assert_eq!(ledger.post_rounding(&rounded).unwrap(), Posted::New);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn a_file_of_the_first_schema_that_does_not_balance_is_left_as_it_is() {
    let (_folder, path) = books();
    first_books(&path);
    let file = Connection::open(&path).unwrap();
    file.execute_batch(
        "DROP TRIGGER postings_keep;
         UPDATE postings SET amount = '1' WHERE number = 2;
         CREATE TRIGGER postings_keep BEFORE UPDATE ON postings
         BEGIN SELECT raise(ABORT, 'postings are append-only'); END;",
    )
    .unwrap();
    drop(file);
    let error = Ledger::open(&path, NO_WAIT).unwrap_err();
    assert!(matches!(error, LedgerError::OutOfBalance { .. }), "{error}");
    assert!(error.to_string().contains("entry 0"), "{error}");
    let file = Connection::open(&path).unwrap();
    let version: i64 = file
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
    let orders: i64 = file
        .query_row(
            "SELECT count(*) FROM orders WHERE id IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(orders, 4);
}
