//! What is recorded, and what comes of it: budgets, corrections, the log, receipts by the folder, rate cards.

use meterbox_tests as guests;

use crate::harness::{Ran, Report, User};

/// A requestor's and provider's home with two jobs done.
pub struct Done {
    pub user: User,
    pub reports: Vec<Report>,
}

impl Done {
    pub fn new() -> Done {
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

    pub fn meterbox<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        self.user.meterbox(arguments)
    }

    pub fn key(&self, role: &str) -> String {
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
    let card = std::fs::read_to_string(user.path("card.toml")).unwrap();
    let price = |precision: &str| {
        let begin = format!("inference_ops_{precision} = ");
        card.lines().find_map(|line| line.strip_prefix(&begin))
    };
    let prices = ["f64", "f32", "f16", "i8"].map(|precision| price(precision).unwrap());
    let different: std::collections::BTreeSet<&str> = prices.into_iter().collect();
    assert_eq!(different.len(), prices.len(), "each is measured: {card}");
    assert_eq!(price("i4"), price("i8"));
    user.meterbox(["rates", "calibrate", "--per-hour", "1", "--gpu"])
        .refused(
            2,
            "tract, which is built in, computes on the processor only",
        );
    let nowhere = ["--engine", "onnxruntime", "--onnxruntime", "nowhere"];
    let mut calibrate = vec!["rates", "calibrate", "--per-hour", "1"];
    calibrate.extend(nowhere);
    user.meterbox(calibrate)
        .refused(7, "the engine for models is not there");
    let diff = user.meterbox(["rates", "diff", "default", "card.toml"]);
    assert!(diff.text().contains("instructions: "), "{diff:?}");
    let same = user.meterbox(["rates", "diff", "card.toml", "card.toml"]);
    assert_eq!(same.text(), "the cards are the same\n");
    user.file("bad.toml", "id = \"x\"\nprice = 1");
    assert_eq!(user.meterbox(["rates", "check", "bad.toml"]).exit, 3);
}
