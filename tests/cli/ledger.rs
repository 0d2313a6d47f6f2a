//! The ledger through the command line: never lost, never shared, never written over.

use std::fs;
use std::time::{Duration, Instant};

use meterbox_tests as guests;

use crate::harness::User;

#[test]
fn what_is_recorded_is_listed() {
    let user = User::new();
    user.meterbox(["ledger", "list"])
        .refused(8, "there is no ledger");
    for _ in 0..2 {
        assert_eq!(user.run(guests::hello(), &[]).ran.exit, 0);
    }
    let listed = user.meterbox(["ledger", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let orders = list["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 2);
    assert_eq!(orders[1]["state"]["sequence"], "1");
    assert_eq!(orders[0]["state"]["kind"], "done");
}

#[test]
fn a_ledger_that_is_no_ledger_is_left_as_it_is() {
    let user = User::new();
    assert_eq!(user.run(guests::hello(), &[]).ran.exit, 0);
    let path = user.home().join("ledger.sqlite");
    fs::write(
        &path,
        "these are somebody's notes, which nobody may write over",
    )
    .unwrap();
    user.meterbox(["run", guests::hello().to_str().unwrap()])
        .refused(8, "ledger");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "these are somebody's notes, which nobody may write over"
    );
}

#[test]
fn a_read_only_ledger_is_refused_and_loses_nothing() {
    let user = User::new();
    assert_eq!(user.run(guests::hello(), &[]).ran.exit, 0);
    let path = user.home().join("ledger.sqlite");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions.clone()).unwrap();
    user.meterbox(["run", guests::hello().to_str().unwrap()])
        .refused(8, "read-only");
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(&path, permissions).unwrap();
    let listed = user.meterbox(["ledger", "list"]);
    assert_eq!(listed.text().lines().count(), 1, "{listed:?}");
}

#[test]
fn a_second_run_waits_for_the_ledger_and_then_is_refused() {
    let user = User::new();
    assert_eq!(user.run(guests::hello(), &[]).ran.exit, 0);
    let mut first = user
        .command([
            "run",
            guests::loops_forever().to_str().unwrap(),
            "--limit-instructions",
            "2000000G",
        ])
        .spawn()
        .unwrap();
    // The first holds the ledger once its order is in it, which the second sees by being refused.
    let began = Instant::now();
    let refused = loop {
        let second = user.meterbox([
            "run",
            guests::hello().to_str().unwrap(),
            "--ledger-wait",
            "1",
        ]);
        if second.exit != 0 || began.elapsed() > Duration::from_secs(60) {
            break second;
        }
    };
    let pid = first.id().to_string();
    refused.refused(8, &pid);
    assert!(refused.stderr.contains("waited"), "{refused:?}");
    // Killed half-way, the first leaves a pending order, which the next run releases.
    first.kill().unwrap();
    first.wait().unwrap();
    let third = user.meterbox(["run", guests::hello().to_str().unwrap()]);
    assert_eq!(third.exit, 0, "{third:?}");
    assert!(third.stderr.contains("interrupted"), "{third:?}");
    let listed = user.meterbox(["ledger", "list"]).text();
    assert!(listed.contains("not billed"), "{listed}");
}

#[test]
fn a_second_run_that_waits_long_enough_gets_its_turn() {
    let user = User::new();
    assert_eq!(user.run(guests::hello(), &[]).ran.exit, 0);
    let runs: Vec<_> = (0..4)
        .map(|_| {
            user.command([
                "run",
                guests::hello().to_str().unwrap(),
                "--ledger-wait",
                "120",
            ])
            .spawn()
            .unwrap()
        })
        .collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    assert_eq!(user.meterbox(["ledger", "list"]).text().lines().count(), 5);
}

#[test]
fn a_key_is_never_written_over() {
    let user = User::new();
    let made = user.meterbox(["key", "new"]);
    assert_eq!(made.exit, 0, "{made:?}");
    user.meterbox(["key", "new"]).refused(3, "there is a key");
    assert_eq!(user.meterbox(["key", "show"]).text(), made.text());
    let mode = fs::metadata(user.home().join("keys/provider.pem"))
        .unwrap()
        .permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    fs::write(user.home().join("keys/provider.pem"), "no key").unwrap();
    user.meterbox(["run", guests::hello().to_str().unwrap()])
        .refused(1, "provider.pem");
}
