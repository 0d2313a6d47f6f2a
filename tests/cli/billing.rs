//! What is recorded, on its way to those who bill by it: budgets, corrections, the log, exports, events, statements.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use meterbox_billing::timestamp::Timestamp;
use meterbox_tests as guests;

use crate::harness::{Ran, Report, User};

/// A requestor's and provider's home with two jobs done.
struct Done {
    user: User,
    reports: Vec<Report>,
}

impl Done {
    fn new() -> Done {
        let user = User::new();
        let input = user.file("data.bin", vec![3; 10_000]);
        let given = format!("data={}", input.display());
        let reports = [("1", "first.json"), ("2", "second.json")].map(|(seed, name)| {
            let id = format!("job-{seed}");
            let arguments = ["--input", &given, "--seed", seed, "--order-id", &id];
            let report = user.run(guests::sum(), &arguments);
            std::fs::copy(&report.receipt, user.path(name)).unwrap();
            report
        });
        Done {
            user,
            reports: reports.into(),
        }
    }

    fn meterbox<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        self.user.meterbox(arguments)
    }

    fn key(&self, role: &str) -> String {
        self.meterbox(["key", "show", "--role", role])
            .text()
            .trim()
            .to_owned()
    }

    fn total(&self) -> String {
        self.reports[0].json["bill"]["total"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

#[test]
fn the_log_proves_that_a_receipt_is_in_it_and_that_it_only_grew() {
    let done = Done::new();
    let origin = "provider.example/meterbox";
    let key = done.key("provider");
    let signed = ["log", "checkpoint", "--origin", origin, "--out", "one.txt"];
    assert_eq!(done.meterbox(signed).exit, 0);
    let proved = ["log", "prove", "first.json", "--out", "one.proof"];
    assert_eq!(done.meterbox(proved).exit, 0);
    let check = |proof: &str, flag: &str, file: &str, key: &str| {
        done.meterbox([
            "log", "check", proof, flag, file, "--origin", origin, "--key", key,
        ])
    };
    let checked = check("one.proof", "--receipt", "first.json", &key);
    assert_eq!(checked.exit, 0, "{checked:?}");
    assert_eq!(checked.text(), "included: it is receipt 0 of 2\n");
    // Another receipt, another key, another log, a proof of another kind.
    check("one.proof", "--receipt", "second.json", &key).refused(9, "does not hold");
    let other = done.key("requestor");
    check("one.proof", "--receipt", "first.json", &other).refused(9, "does not hold");
    check("one.proof", "--since", "one.txt", &key).refused(2, "--receipt");
    // The first character of the first hash, whatever it is.
    let mut altered = std::fs::read_to_string(done.user.path("one.proof")).unwrap();
    let at = altered.find("\nindex 0\n").unwrap() + "\nindex 0\n".len();
    let other = if altered[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    altered.replace_range(at..=at, other);
    done.user.file("altered.proof", altered);
    assert_ne!(
        check("altered.proof", "--receipt", "first.json", &key).exit,
        0
    );

    // A log keeps its name.
    let renamed = ["log", "checkpoint", "--origin", "provider.example/typo"];
    done.meterbox(renamed).refused(3, "is called");
    done.user
        .run(guests::sum(), &["--seed", "3", "--input", "data=data.bin"]);
    let signed = ["log", "checkpoint", "--origin", origin, "--out", "two.txt"];
    assert_eq!(done.meterbox(signed).exit, 0);
    let proved = [
        "log",
        "prove",
        "--since",
        "one.txt",
        "--out",
        "growth.proof",
    ];
    assert_eq!(done.meterbox(proved).exit, 0);
    let grown = check("growth.proof", "--since", "one.txt", &key);
    assert_eq!(
        grown.text(),
        "consistent: the log grew from 2 to 3 receipts\n",
        "{grown:?}"
    );
}

#[test]
fn a_requestor_accepts_disputes_and_is_given_credit() {
    let done = Done::new();
    let key = done.key("provider");
    let accept = [
        "receipt",
        "accept",
        "first.json",
        "--key",
        &key,
        "--out",
        "yes.json",
        "--record",
    ];
    assert_eq!(done.meterbox(accept).exit, 0);
    let dispute = [
        "receipt",
        "dispute",
        "second.json",
        "--key",
        &key,
        "--reason",
        "it took a day",
        "--out",
        "no.json",
    ];
    assert_eq!(done.meterbox(dispute).exit, 0);
    let recorded = done.meterbox(["ledger", "record", "no.json"]);
    assert_eq!(recorded.exit, 0, "{recorded:?}");
    assert!(recorded.stderr.contains("is recorded"));
    let again = done.meterbox(["ledger", "record", "no.json"]);
    assert!(again.stderr.contains("recorded before"), "{again:?}");
    // What was accepted is not disputed afterwards.
    let late = [
        "receipt",
        "dispute",
        "first.json",
        "--key",
        &key,
        "--reason",
        "no",
        "--record",
    ];
    done.meterbox(late).refused(3, "accepted");
    done.meterbox(["receipt", "dispute", "first.json", "--reason", " "])
        .refused(2, "in which way");

    let credit = |id: &str, amount: &str| {
        done.meterbox([
            "ledger",
            "credit",
            "--id",
            id,
            "--order",
            "job-2",
            "--amount",
            amount,
            "--reason",
            "it took a day",
            "--out",
            "credit.json",
        ])
    };
    assert_eq!(credit("credit-1", &done.total()).exit, 0);
    // The same again is the same document, and gives nothing back a second time.
    let first = std::fs::read(done.user.path("credit.json")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let again = credit("credit-1", &done.total());
    assert!(again.stderr.contains("recorded before"), "{again:?}");
    assert_eq!(std::fs::read(done.user.path("credit.json")).unwrap(), first);
    credit("credit-2", "1").refused(3, "are not given back yet");
    let checked = done.meterbox(["ledger", "check"]);
    assert_eq!(checked.exit, 0, "{checked:?}");
    let stats = done.meterbox(["ledger", "stats", "--format", "json"]);
    let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).unwrap();
    for (what, count) in [
        ("receipts", "2"),
        ("credits", "1"),
        ("accepted", "1"),
        ("disputes", "1"),
    ] {
        assert_eq!(stats["counts"][what], count, "{stats}");
    }
}

#[test]
fn a_budget_bounds_what_a_requestor_may_have_held() {
    let done = Done::new();
    let requestor = done.key("requestor");
    let grant = |id: &str, amount: &str| {
        done.meterbox([
            "ledger",
            "grant",
            "--id",
            id,
            "--requestor",
            &requestor,
            "--amount",
            amount,
        ])
    };
    assert_eq!(grant("one", "0.0001").exit, 0);
    let again = grant("one", "0.0001");
    assert!(again.stderr.contains("before"), "{again:?}");
    grant("one", "0.0002").refused(3, "one");
    let left = done.meterbox(["ledger", "budget", &requestor]);
    assert!(left.text().starts_with("granted 0.0001"), "{left:?}");
    // A job whose ceiling is more than that is refused before anything is spent.
    let refused = done.meterbox([
        "run",
        guests::sum().to_str().unwrap(),
        "--input",
        "data=data.bin",
    ]);
    assert_eq!(refused.exit, 3, "{refused:?}");
    assert!(refused.stderr.contains("budget"), "{refused:?}");
    assert_eq!(grant("two", "1000").exit, 0);
    let run = done.meterbox([
        "run",
        guests::sum().to_str().unwrap(),
        "--input",
        "data=data.bin",
    ]);
    assert_eq!(run.exit, 0, "{run:?}");
}

#[test]
fn a_ledger_is_copied_while_it_is_there_and_the_copy_is_one() {
    let done = Done::new();
    let copied = done.meterbox(["ledger", "backup", "copy.sqlite"]);
    assert_eq!(copied.exit, 0, "{copied:?}");
    done.meterbox(["ledger", "backup", "copy.sqlite"])
        .refused(1, "copy.sqlite");
    let other = User::new();
    std::fs::create_dir_all(other.home()).unwrap();
    std::fs::copy(
        done.user.path("copy.sqlite"),
        other.home().join("ledger.sqlite"),
    )
    .unwrap();
    let listed = other.meterbox(["ledger", "list"]);
    assert_eq!(listed.text(), done.meterbox(["ledger", "list"]).text());
}

#[test]
fn a_receipt_is_explained_compared_and_verified_by_the_folder() {
    let done = Done::new();
    let key = done.key("provider");
    let explained = done.meterbox(["receipt", "explain", "first.json", "--key", &key]);
    assert_eq!(explained.exit, 0, "{explained:?}");
    assert!(explained.text().contains(&done.total()), "{explained:?}");
    let same = done.meterbox(["receipt", "compare", "first.json", "first.json"]);
    assert!(same.text().ends_with(": all agree\n"), "{same:?}");
    let differ = done.meterbox(["receipt", "compare", "first.json", "second.json"]);
    assert_eq!(differ.exit, 10);
    assert!(differ.text().contains("`job` is"), "{differ:?}");

    let folder = done.user.path("all");
    std::fs::create_dir(&folder).unwrap();
    for name in ["first.json", "second.json"] {
        std::fs::copy(done.user.path(name), folder.join(name)).unwrap();
    }
    let verify = |card: &str| {
        let arguments = ["receipt", "verify", "all", "--key", &key];
        match card {
            "" => done.meterbox(arguments),
            card => done
                .user
                .meterbox([&arguments[..], &["--rate-card", card]].concat()),
        }
    };
    let verified = verify("");
    assert_eq!(verified.exit, 0, "{verified:?}");
    assert!(
        verified.text().contains("2 valid, prices not compared"),
        "{verified:?}"
    );
    let verified = verify("default");
    assert_eq!(verified.exit, 0, "{verified:?}");
    assert!(
        verified.text().starts_with("2 receipts: 2 valid\n"),
        "{verified:?}"
    );
    // Prices of another card are not those of the one that was named.
    let card = std::fs::read_to_string(
        guests::repository().join("runtime/billing/rate-cards/default.toml"),
    );
    done.user.file(
        "other.toml",
        card.unwrap().replacen("id = \"", "id = \"other-", 1),
    );
    assert_eq!(verify("other.toml").exit, 9);
    std::fs::write(folder.join("three.json"), "{}").unwrap();
    let refused = done.meterbox(["receipt", "verify", "all", "--key", &key]);
    assert_eq!(refused.exit, 9, "{refused:?}");
    assert!(
        refused.text().contains("three.json: refused"),
        "{refused:?}"
    );
    std::fs::create_dir(done.user.path("empty")).unwrap();
    done.meterbox(["receipt", "verify", "empty"])
        .refused(1, "no receipts");
}

#[test]
fn rate_cards_are_checked_shown_compared_and_proposed() {
    let user = User::new();
    let shown = user.meterbox(["rates", "show"]);
    assert_eq!(shown.exit, 0);
    assert!(shown.text().contains("instructions"), "{shown:?}");
    let calibrated = user.meterbox([
        "rates",
        "calibrate",
        "--per-hour",
        "0.05",
        "--seconds",
        "1",
        "--out",
        "card.toml",
    ]);
    assert_eq!(calibrated.exit, 0, "{calibrated:?}");
    assert_eq!(user.meterbox(["rates", "check", "card.toml"]).exit, 0);
    let diff = user.meterbox(["rates", "diff", "default", "card.toml"]);
    assert!(diff.text().contains("instructions: "), "{diff:?}");
    let same = user.meterbox(["rates", "diff", "card.toml", "card.toml"]);
    assert_eq!(same.text(), "the cards are the same\n");
    user.file("bad.toml", "id = \"x\"\nprice = 1");
    assert_eq!(user.meterbox(["rates", "check", "bad.toml"]).exit, 3);
}

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
    // An invoice is of a period that is over: of all seconds up to this one, once it has passed.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let over = Timestamp::from_unix_seconds(now.unwrap().as_secs() + 1).unwrap();
    let over = over.to_string();
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
    std::thread::sleep(std::time::Duration::from_millis(1_100));
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
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let over = Timestamp::from_unix_seconds(now.unwrap().as_secs() + 1).unwrap();
    let over = over.to_string();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
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
