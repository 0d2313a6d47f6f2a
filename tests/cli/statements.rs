//! What is recorded, on its way out: exports, reports, invoices, and events that are delivered.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meterbox_billing::timestamp::Timestamp;
use meterbox_tests as guests;

use crate::billing::Done;

#[test]
fn what_is_recorded_is_exported_reported_and_invoiced() {
    let done = Done::new();
    let formats = [
        "focus-csv",
        "focus-parquet",
        "focus-partitions",
        "csv",
        "jsonl",
        "parquet",
        "partitions",
        "hledger",
        "beancount",
        "ledger",
        "cloudevents",
        "prometheus",
        "openmetrics",
    ];
    for format in formats {
        let export = |to: &str| {
            let exported = done.meterbox(["billing", "export", "--format", format, "--out", to]);
            assert_eq!(exported.exit, 0, "{format}: {exported:?}");
            assert!(exported.stderr.starts_with("2 receipts"), "{exported:?}");
        };
        export(&format!("a.{format}"));
        export(&format!("b.{format}"));
        let (one, other) = (
            done.user.path(&format!("a.{format}")),
            done.user.path(&format!("b.{format}")),
        );
        if one.is_file() {
            let (one, other) = (std::fs::read(one).unwrap(), std::fs::read(other).unwrap());
            assert!(!one.is_empty() && one == other, "{format}");
        }
        // What is there stays, unless it is said otherwise.
        let name = format!("a.{format}");
        let again = ["billing", "export", "--format", format, "--out", &name];
        done.meterbox(again).refused(1, "exists already");
    }
    let none = done.meterbox([
        "billing",
        "export",
        "--format",
        "jsonl",
        "--to",
        "2020-01-01",
    ]);
    assert_eq!((none.exit, none.text().as_str()), (0, ""), "{none:?}");
    let full = ["billing", "export", "--format", "csv", "--out", "/dev/full"];
    assert_eq!(done.meterbox(full).exit, 1);
    let unknown = done.meterbox(["billing", "export", "--format", "excel"]);
    assert_eq!(unknown.exit, 2);

    let reported = done.meterbox(["billing", "report", "--out", "report.html"]);
    assert_eq!(reported.exit, 0, "{reported:?}");
    let page = std::fs::read_to_string(done.user.path("report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("instructions"));

    let requestor = done.key("requestor");
    done.user
        .file("invoices.toml", invoice_settings(&requestor));
    let invoice_until = |to: &str, format: &str| {
        done.meterbox([
            "billing",
            "invoice",
            "--requestor",
            &requestor,
            "--from",
            "2020-01-01",
            "--to",
            to,
            "--settings",
            "invoices.toml",
            "--format",
            format,
        ])
    };
    invoice_until("2100-01-01", "ubl").refused(3, "is not over");
    let over = after_this_second();
    let invoice = |format: &str| invoice_until(&over, format);
    let ubl = invoice("ubl");
    assert_eq!(ubl.exit, 0, "{ubl:?}");
    assert!(
        ubl.text().contains("urn:oasis:names:specification:ubl"),
        "{ubl:?}"
    );
    assert_eq!(invoice("html").exit, 0);
}

#[test]
fn what_an_invoice_rounds_is_posted_once_and_the_books_still_balance() {
    let done = Done::new();
    let requestor = done.key("requestor");
    done.user
        .file("invoices.toml", invoice_settings(&requestor));
    let over = after_this_second();
    let invoice = |number: &str, from: &str, more: &[&str]| {
        let arguments = [
            "billing",
            "invoice",
            "--requestor",
            &requestor,
            "--from",
            from,
            "--to",
            &over,
            "--settings",
            "invoices.toml",
            "--number",
            number,
        ];
        done.user.meterbox([&arguments[..], more].concat())
    };
    let count = |what: &str| {
        let stats = done.meterbox(["ledger", "stats", "--format", "json"]);
        let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).unwrap();
        stats["counts"][what].as_str().unwrap().to_owned()
    };
    let entries = count("entries");
    let draft = invoice("17", "2020-01-01", &[]);
    assert_eq!(draft.exit, 0, "{draft:?}");
    assert!(draft.stderr.contains("this is a draft"), "{draft:?}");
    assert_eq!(
        (count("entries"), count("rounded_invoices")),
        (entries.clone(), "0".into())
    );
    for said in ["is posted: ", "was posted before"] {
        let posted = invoice("17", "2020-01-01", &["--post"]);
        assert_eq!(posted.exit, 0, "{posted:?}");
        assert!(posted.stderr.contains(said), "{posted:?}");
        assert!(posted.text().contains("urn:oasis:names:specification:ubl"));
        assert_eq!(count("rounded_invoices"), "1");
    }
    assert_eq!(
        count("entries").parse::<u64>().unwrap(),
        entries.parse::<u64>().unwrap() + 1
    );
    invoice("17", "2021-01-01", &["--post"]).refused(3, "different period");
    invoice("18", "2021-01-01", &["--post"]).refused(3, "`17` is of a part of the same time");
    assert_eq!(invoice("18", "2021-01-01", &[]).exit, 0);
    let checked = done.meterbox(["ledger", "check"]);
    assert_eq!(checked.exit, 0, "{checked:?}");

    // What is exported of the period comes to what was invoiced: no fraction of a cent is left.
    let exported = done.meterbox(["billing", "export", "--format", "jsonl"]);
    let mut owed = 0_i128;
    let mut kinds = Vec::new();
    for line in exported.text().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let units = |field: &str| {
            let amount: meterbox_billing::money::Amount =
                record[field].as_str().unwrap().parse().unwrap();
            i128::try_from(amount.units()).unwrap()
        };
        match record["kind"].as_str().unwrap() {
            "charge" => owed += units("total"),
            "rounding" if record["rounding"] == "added" => owed += units("amount"),
            "rounding" => owed -= units("amount"),
            kind => panic!("{kind}"),
        }
        kinds.push(record["kind"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, ["charge", "charge", "rounding"]);
    assert_eq!(owed % 10_000_000_000_000_000, 0);
    let journal = done.meterbox(["billing", "export", "--format", "hledger"]);
    assert!(journal.text().contains("Income:Rounding"), "{journal:?}");
    let report = done.meterbox(["billing", "report"]);
    assert!(report.text().contains("1 invoices"), "{report:?}");
}

/// The second that begins next, once it has begun: an invoice is only of a period that is over.
fn after_this_second() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let next = Duration::from_secs(now.as_secs() + 1);
    // A clock that is set while this sleeps may be a little behind.
    std::thread::sleep(next - now + Duration::from_millis(50));
    Timestamp::from_unix_seconds(next.as_secs())
        .unwrap()
        .to_string()
}

/// The parties of an invoice.
fn invoice_settings(requestor: &str) -> String {
    format!(
        r#"
        [seller]
        name = "Rechenwerk GmbH"
        street = "Torstraße 1"
        city = "Berlin"
        postal_code = "10115"
        country = "DE"
        vat_id = "DE123456789"
        email = "billing@example.org"
        [tax]
        category = "S"
        rate = "19"
        [payment]
        iban = "DE89370400440532013000"
        days = 14
        [[buyers]]
        key = "{requestor}"
        [buyers.party]
        name = "Bild und Ton Gesellschaft"
        city = "Wien"
        country = "AT"
        "#
    )
}

/// Answers so many requests, each with the next of these statuses, and gives their bodies.
fn receiver(statuses: Vec<u16>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let mut bodies = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            let body = loop {
                let read = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head
                    .lines()
                    .find_map(|line| {
                        line.to_lowercase()
                            .strip_prefix("content-length: ")
                            .map(str::to_owned)
                    })
                    .map_or(0, |length| length.parse::<usize>().unwrap());
                if body.len() >= length {
                    break body.to_owned();
                }
            };
            if status < 300 {
                bodies.push(body);
            }
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
        bodies
    });
    (url, answering)
}

#[test]
fn events_are_delivered_once_whatever_the_receiver_does_first() {
    let done = Done::new();
    let jsonl = done.meterbox([
        "billing",
        "export",
        "--format",
        "cloudevents",
        "--grain",
        "receipt",
    ]);
    let events: Vec<String> = jsonl.text().lines().map(str::to_owned).collect();
    assert!(events.len() > 2);
    let mut statuses = vec![500];
    statuses.extend(std::iter::repeat_n(202, events.len()));
    let (url, answering) = receiver(statuses);
    let push = || {
        done.meterbox([
            "billing",
            "push",
            "--format",
            "cloudevents",
            "--grain",
            "receipt",
            "--to-url",
            &url,
        ])
    };
    let pushed = push();
    assert_eq!(pushed.exit, 0, "{pushed:?}");
    assert_eq!(answering.join().unwrap(), events);
    // Nobody listens any more, and nothing is left to be sent.
    let again = push();
    assert_eq!(again.exit, 0, "{again:?}");
    assert!(
        again
            .stderr
            .contains(&format!("{} known before", events.len())),
        "{again:?}"
    );
    let batched = [
        "billing", "push", "--format", "lago", "--to-url", &url, "--batch", "5",
    ];
    done.meterbox(batched).refused(2, "one event a request");
    // In another shape all of it would have other ids, and be billed a second time.
    let other = [
        "billing",
        "push",
        "--format",
        "cloudevents",
        "--to-url",
        &url,
    ];
    done.meterbox(other).refused(1, "by the hour");
    // By the hour, what may become more is held back, whatever is recorded meanwhile.
    for seed in ["7", "8"] {
        let hourly = ["--outbox", "hourly.sqlite"];
        let pushed = done.user.meterbox([&other[..], &hourly].concat());
        assert_eq!(pushed.exit, 0, "{pushed:?}");
        assert!(pushed.stderr.contains("0 delivered"), "{pushed:?}");
        let job = ["--seed", seed, "--input", "data=data.bin"];
        done.user.run(guests::sum(), &job);
    }
}
