//! A job in slices: each an order and a receipt, whatever comes between them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::Envelope;
use meterbox_billing::money::Amount;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::slices::left_off;
use meterbox_tests as guests;
use serde_json::Value;

use crate::harness::{Ran, User};

/// Runs the job that counts primes with these words behind the flags.
fn primes(user: &User, flags: &[&str], words: &[&str]) -> Ran {
    let program = guests::primes().to_str().unwrap();
    let all = ["run", program].into_iter().chain(flags.iter().copied());
    let words = words.iter().copied();
    user.meterbox(all.chain(["--"]).chain(words))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn amount(value: &Value) -> u128 {
    value.as_str().unwrap().parse::<Amount>().unwrap().units()
}

fn key(user: &User) -> String {
    user.meterbox(["key", "show"]).text().trim().to_string()
}

/// The sum of all that the ledger charged, by its receipts, each of which it names once.
fn charged(user: &User) -> (usize, u128) {
    let listed = user.meterbox(["ledger", "list", "--format", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let orders = listed["orders"].as_array().unwrap().iter();
    let done: Vec<&Value> = orders
        .filter(|order| order["state"]["kind"] == "done")
        .collect();
    let receipts: BTreeSet<&str> = done
        .iter()
        .map(|order| order["state"]["receipt"].as_str().unwrap())
        .collect();
    assert_eq!(receipts.len(), done.len());
    let charges = done.iter().map(|order| amount(&order["state"]["charged"]));
    let sum = charges.sum();
    (receipts.len(), sum)
}

/// The primes that the slices left, in their order.
fn found(out: &Path) -> Vec<u32> {
    let mut primes: Vec<u32> = fs::read_dir(out.join("primes"))
        .unwrap()
        .flat_map(|file| {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let numbers = text.lines().map(|line| line.parse().unwrap());
            numbers.collect::<Vec<u32>>()
        })
        .collect();
    primes.sort_unstable();
    primes
}

#[test]
fn a_job_in_slices_comes_to_the_same_and_each_slice_has_a_receipt() {
    let user = User::new();
    let [one, many] = [user.path("one"), user.path("many")];
    let whole = primes(&user, &["--out", one.to_str().unwrap()], &["1000", "1000"]);
    assert_eq!(whole.exit, 0, "{whole:?}");
    assert_eq!(fs::read_to_string(one.join("count.txt")).unwrap(), "168\n");

    let flags = [
        ["--slices", "10"],
        ["--out", many.to_str().unwrap()],
        ["--receipt", "receipts"],
        ["--order", "orders"],
        ["--report", "report.json"],
    ]
    .concat();
    let ran = primes(&user, &flags, &["1000", "300"]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert_eq!(fs::read_to_string(many.join("count.txt")).unwrap(), "168\n");
    assert_eq!(found(&many), found(&one));
    assert!(!many.join("checkpoint").exists(), "nothing is left to do");

    let report = json(&user.path("report.json"));
    let slices = report["slices"].as_array().unwrap();
    assert_eq!((slices.len(), &report["finished"]), (4, &true.into()));
    let sum: u128 = slices.iter().map(|slice| amount(&slice["total"])).sum();
    assert_eq!(sum, amount(&report["totals"]["USD"]));

    // Each slice is a job that anybody replays by itself.
    for slice in slices {
        let id = slice["order_id"].as_str().unwrap();
        let [receipt, order] = ["receipts", "orders"].map(|folder| format!("{folder}/{id}.json"));
        let replayed = user.meterbox(["receipt", "replay", &receipt, "--order", &order]);
        assert_eq!(replayed.exit, 0, "{replayed:?}");
    }
    let joined = user.meterbox(["receipt", "slices", "receipts", "--key", &key(&user)]);
    assert_eq!(joined.exit, 0, "{joined:?}");
    assert!(joined.text().contains("the whole job"), "{joined:?}");
    let total = Amount::from_units(sum).to_string();
    assert!(joined.text().contains(&total), "{joined:?}");
}

#[test]
fn what_was_bounded_goes_on_under_its_id_and_pays_no_slice_twice() {
    let user = User::new();
    let out = user.path("out");
    let run = |slices: &str| {
        let flags = [
            "--slices",
            slices,
            "--order-id",
            "big",
            "--out",
            out.to_str().unwrap(),
            "--receipt",
            "receipts",
        ];
        primes(&user, &flags, &["1000", "300"])
    };
    run("2").refused(6, "more to do than 2 slice(s)");
    assert!(out.join("checkpoint").exists());
    let (receipts, paid) = charged(&user);
    assert_eq!(receipts, 2);

    let rest = run("10");
    assert_eq!(rest.exit, 0, "{rest:?}");
    let text = rest.text();
    assert_eq!(text.matches("done before").count(), 2, "{text}");
    assert_eq!(fs::read_to_string(out.join("count.txt")).unwrap(), "168\n");
    assert!(!out.join("checkpoint").exists());
    let (receipts, all) = charged(&user);
    assert!(receipts == 4 && all > paid);

    // Less of it again takes nothing back.
    run("2").refused(6, "more to do");
    assert!(!out.join("checkpoint").exists());

    // All of it once more costs nothing, and brings back what somebody has deleted.
    fs::remove_dir_all(out.join("primes")).unwrap();
    let again = run("10");
    assert_eq!(found(&out).len(), 168);
    assert_eq!(again.exit, 0, "{again:?}");
    assert_eq!(charged(&user), (4, all));

    // What a slice left is not taken from a store that has something else under its name.
    let receipt = Envelope::from_bytes(&fs::read(user.path("receipts/big.1.json")).unwrap());
    let receipt: Receipt = receipt.unwrap().document_unverified().unwrap();
    let left = left_off(receipt.reproducible()).unwrap().sha256;
    let stored = user.home().join("store").join(left.to_string());
    fs::write(&stored, "[900,0]\n").unwrap();
    run("10").refused(1, "the store is damaged");
    fs::remove_file(&stored).unwrap();
    run("10").refused(1, "the store does not hold");
    assert_eq!(charged(&user), (4, all));
}

#[test]
fn all_slices_together_cost_at_most_the_maximum_price() {
    let user = User::new();
    let program = guests::primes().to_str().unwrap();
    let quote = user.meterbox(["quote", program, "--format", "json"]);
    let quote: Value = serde_json::from_slice(&quote.stdout).unwrap();
    let ceiling = amount(&quote["ceiling"]);
    let of_many = ["quote", program, "--format", "json", "--slices", "3"];
    let of_many: Value = serde_json::from_slice(&user.meterbox(of_many).stdout).unwrap();
    assert_eq!(amount(&of_many["ceiling_of_slices"]), 3 * ceiling);
    let run = |most: u128| {
        let most = Amount::from_units(most).to_string();
        let flags = [
            ["--slices", "10"],
            ["--order-id", "dear"],
            ["--max-price", &most],
        ];
        primes(&user, &flags.concat(), &["1000", "300"])
    };
    run(ceiling - 1).refused(3, "could cost");
    assert_eq!(charged(&user).0, 0);
    // Enough for one, and then for all but what the first did cost.
    run(ceiling).refused(3, "the next slice could cost");
    let (receipts, paid) = charged(&user);
    assert!(receipts == 1 && paid <= ceiling);
    let done = run(ceiling + 4 * paid);
    assert_eq!(done.exit, 0, "{done:?}");
    let (receipts, paid_in_all) = charged(&user);
    assert!(receipts == 4 && paid_in_all <= ceiling + 4 * paid);
}

#[test]
fn a_slice_that_ends_badly_ends_the_job_where_it_began() {
    let user = User::new();
    let out = user.path("out");
    let out_flag = ["--out", out.to_str().unwrap(), "--receipt", "receipts"];
    let flags = [&["--slices", "9"], &out_flag[..]].concat();
    let trapped = primes(&user, &flags, &["1000", "300", "700"]);
    assert_eq!(trapped.exit, 5, "{trapped:?}");
    assert_eq!(charged(&user).0, 3, "what it used is billed");
    let left: (u32, u32) =
        serde_json::from_slice(&fs::read(out.join("checkpoint")).unwrap()).unwrap();
    assert_eq!(left.0, 600);
    assert!(trapped.text().contains("the last slice ended badly"));
    assert!(trapped.stderr.contains("--input checkpoint=FILE"));

    let stuck = primes(&user, &["--slices", "1000"], &["1000", "300", "stuck"]);
    stuck.refused(4, "left off where one began before");
    // Seen when the second slice leaves what it was given.
    assert_eq!(charged(&user).0, 3 + 2);
    for wrong in ["0", "-1", "many"] {
        let refused = primes(&user, &["--slices", wrong], &["1", "1"]);
        assert_eq!(refused.exit, 2, "{refused:?}");
    }
}

#[test]
fn a_slice_that_reached_a_limit_is_made_up_for_and_the_receipts_tell_the_whole_job() {
    let user = User::new();
    let used = |id: &str| {
        let receipt = format!("whole/{id}.json");
        let shown = user.meterbox(["receipt", "show", &receipt, "--format", "reproducible"]);
        let part: Value = serde_json::from_slice(&shown.stdout).unwrap();
        let count = part["usage"]["instructions"].as_str().unwrap();
        count.parse::<u64>().unwrap()
    };
    let flags = ["--slices", "9", "--order-id", "w", "--receipt", "whole"];
    assert_eq!(primes(&user, &flags, &["1000", "300"]).exit, 0);
    let [second, third] = [used("w.2"), used("w.3")];
    assert!(second < third);

    let kept = ["--out", "out", "--receipt", "receipts"];
    let limit = ["--limit-instructions", &second.to_string()].map(String::from);
    let limit = limit.each_ref().map(String::as_str);
    let low = [&["--slices", "9"], &limit[..], &kept[..]].concat();
    let limited = primes(&user, &low, &["1000", "300"]);
    assert_eq!(limited.exit, 6, "{limited:?}");
    let join = || user.meterbox(["receipt", "slices", "receipts", "--key", &key(&user)]);
    assert!(join().text().contains("the last slice ended badly"));
    fs::copy(user.path("out/checkpoint"), user.path("from-here")).unwrap();
    let from = ["--slices", "9", "--input", "checkpoint=from-here"];
    let rest = primes(&user, &[&from, &kept[..]].concat(), &["1000", "300"]);
    assert_eq!(rest.exit, 0, "{rest:?}");
    let joined = join();
    assert_eq!(joined.exit, 0, "{joined:?}");
    assert!(joined.text().contains("the whole job"), "{joined:?}");
    assert_eq!(joined.text().matches("\nslice ").count() + 1, 5);
    assert_eq!(found(&user.path("out")).len(), 168);
}

#[test]
fn what_cannot_be_written_or_ordered_is_known_before_a_slice_is_paid() {
    let user = User::new();
    user.file("taken", "x");
    let long = "x".repeat(126);
    for (flags, exit, says) in [
        (&["--receipt", "taken"][..], 1, "`taken` cannot be written"),
        (
            &["--receipt", "all", "--order", "all"],
            2,
            "name the same folder",
        ),
        (&["--order-id", &long], 2, "no id that fits"),
    ] {
        let flags = [&["--slices", "100"], flags].concat();
        primes(&user, &flags, &["1000", "300"]).refused(exit, says);
    }
    assert_eq!(charged(&user).0, 0);
    // Ids that a file's name cannot have stay apart.
    for id in ["a/b", "a:b", "a_b"] {
        let flags = ["--slices", "9", "--order-id", id, "--receipt", "apart"];
        assert_eq!(primes(&user, &flags, &["1000", "600"]).exit, 0);
    }
    assert_eq!(fs::read_dir(user.path("apart")).unwrap().count(), 6);
}

#[test]
fn a_command_goes_on_from_a_file_and_says_once_what_is_left() {
    for program in [guests::counts_on(), guests::counts_on_component()] {
        let user = User::new();
        let program = program.to_str().unwrap();
        let ran = user.meterbox(["run", program, "--slices", "5"]);
        assert_eq!((ran.exit, ran.text().as_str()), (0, "1\n2\n3\n"), "{ran:?}");
        assert_eq!(charged(&user).0, 3);
        let once = user.meterbox(["run", program]);
        assert_eq!((once.exit, once.text().as_str()), (0, "1\n"), "{once:?}");
        assert!(once.stderr.contains("more to do"), "{once:?}");
        assert!(once.stderr.contains("--slices"), "{once:?}");
    }
}

#[test]
fn a_job_goes_on_at_another_provider_and_its_receipts_join() {
    let [gone, next] = [User::new(), User::new()];
    let out = gone.path("out");
    let run = |user: &User, flags: &[&str]| {
        let shared = ["--out", out.to_str().unwrap(), "--receipt", "receipts"];
        primes(user, &[flags, &shared].concat(), &["1000", "300"])
    };
    run(&gone, &["--slices", "2"]).refused(6, "more to do");
    let there = format!("checkpoint={}", out.join("checkpoint").display());
    run(&next, &["--slices", "9", "--input", &there]).refused(2, "which --out replaces");
    let aside = next.path("from-here");
    fs::copy(out.join("checkpoint"), &aside).unwrap();
    let from = format!("checkpoint={}", aside.display());
    let rest = run(&next, &["--slices", "9", "--input", &from]);
    assert_eq!(rest.exit, 0, "{rest:?}");
    assert_eq!(fs::read_to_string(out.join("count.txt")).unwrap(), "168\n");

    let folders = [gone.path("receipts"), next.path("receipts")];
    let [a, b] = folders.each_ref().map(|folder| folder.to_str().unwrap());
    let [one, two] = [key(&gone), key(&next)];
    let joined = ["receipt", "slices", b, a, "--key", &one, "--key", &two];
    let joined = gone.meterbox(joined.into_iter().chain(["--format", "json"]));
    assert_eq!(joined.exit, 0, "{joined:?}");
    let told: Value = serde_json::from_slice(&joined.stdout).unwrap();
    let slices = told["slices"].as_array().unwrap();
    let providers: Vec<&str> = slices
        .iter()
        .map(|slice| slice["provider"].as_str().unwrap())
        .collect();
    assert_eq!(providers, [&one, &one, &two, &two]);
    assert_eq!(
        (&told["left_off"], &told["trusted"]),
        (&Value::Null, &true.into())
    );

    let unknown = gone.meterbox(["receipt", "slices", a, b, "--key", &one]);
    assert_eq!(unknown.exit, 11, "{unknown:?}");
    // The end alone is a part, and with the beginning but not the middle it is none.
    let part = gone.meterbox(["receipt", "slices", b, "--key", &two]);
    assert!(
        part.exit == 0 && part.text().contains("to its end"),
        "{part:?}"
    );
    let mut first: Vec<_> = fs::read_dir(a)
        .unwrap()
        .map(|one| one.unwrap().path())
        .collect();
    first.sort();
    let first = first[0].to_str().unwrap();
    gone.meterbox(["receipt", "slices", first, b])
        .refused(10, "nothing leads to where the order");
    fs::create_dir(gone.path("empty")).unwrap();
    gone.meterbox(["receipt", "slices", "empty"])
        .refused(1, "has no receipts");
}

#[test]
fn a_run_that_is_killed_between_slices_goes_on_and_pays_each_once() {
    let user = User::new();
    let program = guests::primes().to_str().unwrap();
    let command = || {
        let flags = ["run", program, "--slices", "1000", "--order-id", "long"];
        let words = ["--out", "out", "--receipt", "receipts", "--", "6000", "40"];
        user.command(flags.into_iter().chain(words))
    };
    let receipts = || fs::read_dir(user.path("receipts")).map_or(0, Iterator::count);
    let mut child = command()
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while receipts() < 3 && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!((3..150).contains(&receipts()), "it was killed too late");
    let rest = command().output().unwrap();
    assert_eq!(rest.status.code(), Some(0), "{rest:?}");
    assert_eq!(
        fs::read_to_string(user.path("out/count.txt")).unwrap(),
        "783\n"
    );
    assert_eq!(charged(&user).0, 150);
    // All that was paid is there, whenever it was killed.
    assert_eq!(found(&user.path("out")).len(), 783);
    let key = key(&user);
    let joined = user.meterbox(["receipt", "slices", "receipts", "--key", &key]);
    assert!(joined.text().contains("the whole job"), "{joined:?}");
}

#[test]
fn a_price_that_was_lowered_holds_for_orders_that_were_interrupted_too() {
    let user = User::new();
    let program = guests::spin_wat().to_str().unwrap();
    let run = |flags: &[&str]| {
        let limits = ["--limit-instructions", "10G", "--order-id", "dear"];
        let all = ["run", program].into_iter().chain(limits);
        user.command(all.chain(flags.iter().copied()))
    };
    let mut child = run(&[]).spawn().unwrap();
    let pending = || {
        let listed = user.meterbox(["ledger", "list"]).text();
        listed.contains("pending")
    };
    let began = Instant::now();
    while !pending() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let low = run(&["--max-price", "0.000001"]).output().unwrap();
    let said = String::from_utf8(low.stderr).unwrap();
    assert_eq!(low.status.code(), Some(3), "{said}");
    assert!(said.contains("was signed for at most"), "{said}");
    assert_eq!(charged(&user).0, 0);

    // A slice is ordered anew, under the next id.
    let primes = guests::primes().to_str().unwrap();
    let quote = user.meterbox(["quote", primes, "--format", "json"]);
    let quote: Value = serde_json::from_slice(&quote.stdout).unwrap();
    let ceiling = Amount::from_units(amount(&quote["ceiling"]));
    let twice = Amount::from_units(2 * ceiling.units()).to_string();
    let slices = |most: &str| {
        let flags = [
            "run",
            primes,
            "--slices",
            "9",
            "--order-id",
            "s",
            "--max-price",
            most,
        ];
        user.command(flags.into_iter().chain(["--", "150000", "150000"]))
    };
    let mut child = slices(&twice).spawn().unwrap();
    while !pending() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let most = ceiling.to_string();
    let done = slices(&most).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    let listed = user.meterbox(["ledger", "list"]).text();
    assert!(listed.contains("s.1-2"), "{listed}");
    // The first one could be handed in again now, and is not: the slice is done.
    let before = charged(&user);
    let again = slices(&twice).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(charged(&user), before);
}

#[test]
fn an_order_names_what_its_requestor_saw_of_the_log() {
    let user = User::new();
    let program = guests::hello().to_str().unwrap();
    let order = |name: &str| {
        let ran = user.meterbox(["run", program, "--order", name]);
        assert_eq!(ran.exit, 0, "{ran:?}");
        let envelope = Envelope::from_bytes(&fs::read(user.path(name)).unwrap()).unwrap();
        serde_json::from_slice::<Value>(&envelope.payload_unverified().unwrap()).unwrap()
    };
    assert_eq!(order("first.json").get("last_checkpoint"), None);
    let origin = ["log", "checkpoint", "--origin", "provider.example/log"];
    let signed = user.meterbox(origin).text();
    let said = signed.split_once("\n\n").unwrap().0.to_string() + "\n";
    let digest = Digest::of(said.as_bytes()).to_string();
    assert_eq!(order("second.json")["last_checkpoint"], digest);
}
