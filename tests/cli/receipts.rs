//! Receipts: verified, replayed, altered, re-signed, and checked by a tool that nobody here wrote.

use std::process::Command;

use meterbox_billing::envelope::{Envelope, RECEIPT_TYPE};
use meterbox_billing::key::SigningKey;
use meterbox_tests as guests;

use crate::harness::{Report, User};

fn ran_job(user: &User) -> Report {
    let input = user.file("data.bin", vec![3u8; 10_000]);
    let report = user.run(
        guests::sum(),
        &[
            "--input",
            &format!("data={}", input.display()),
            "--order",
            "order.json",
            "--offer",
            "offer.json",
        ],
    );
    assert_eq!(report.outcome(), "ok", "{report:?}");
    report
}

/// The receipt with its payload altered, signed again with the provider's own key.
fn altered(user: &User, report: &Report, alter: impl Fn(&mut serde_json::Value)) -> String {
    let envelope = Envelope::from_bytes(&std::fs::read(&report.receipt).unwrap()).unwrap();
    let mut payload: serde_json::Value =
        serde_json::from_slice(&envelope.payload_unverified().unwrap()).unwrap();
    alter(&mut payload);
    let key = SigningKey::from_pem(
        &std::fs::read_to_string(user.home().join("keys/provider.pem")).unwrap(),
    )
    .unwrap();
    let payload = meterbox_billing::canonical::to_canonical_json(&payload).unwrap();
    let envelope = Envelope::sign(RECEIPT_TYPE, &payload, &key).unwrap();
    user.file("altered.json", envelope.to_bytes().unwrap())
        .display()
        .to_string()
}

#[test]
fn a_receipt_verifies_by_the_named_key_only() {
    let user = User::new();
    let report = ran_job(&user);
    let receipt = report.receipt.to_str().unwrap();
    let key = user.meterbox(["key", "show"]).text().trim().to_string();
    assert_eq!(
        user.meterbox(["receipt", "verify", receipt, "--key", &key])
            .exit,
        0
    );
    assert_eq!(
        user.meterbox([
            "receipt",
            "verify",
            receipt,
            "--offer",
            "offer.json",
            "--rate-card",
            "default"
        ])
        .exit,
        0
    );
    user.file(
        "key.pem",
        user.meterbox(["key", "show", "--format", "pem"]).stdout,
    );
    assert_eq!(
        user.meterbox(["receipt", "verify", receipt, "--key", "key.pem"])
            .exit,
        0
    );

    let unknown = user.meterbox(["receipt", "verify", receipt]);
    assert_eq!(unknown.exit, 11, "{unknown:?}");
    assert!(
        unknown.text().contains("valid signature, unknown signer"),
        "{unknown:?}"
    );
    let other = user
        .meterbox(["key", "show", "--role", "requestor"])
        .text()
        .trim()
        .to_string();
    user.meterbox(["receipt", "verify", receipt, "--key", &other])
        .refused(9, "does not hold");
    user.meterbox(["receipt", "verify", receipt, "--key", "00"])
        .refused(1, "00");
}

#[test]
fn every_flipped_byte_of_a_receipt_is_refused() {
    let user = User::new();
    let report = ran_job(&user);
    let key: meterbox_billing::key::PublicKey = user
        .meterbox(["key", "show"])
        .text()
        .trim()
        .parse()
        .unwrap();
    let whole = std::fs::read(&report.receipt).unwrap();
    let same = meterbox_billing::verify::verify(&whole, Some(&key), None);
    assert!(same.is_ok());
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        // White space between tokens is not signed; everything that says anything is.
        if let Ok(verified) = meterbox_billing::verify::verify(&flipped, Some(&key), None) {
            assert_eq!(verified.digest, same.as_ref().unwrap().digest, "byte {at}");
            panic!("the flipped byte {at} was accepted");
        }
    }
    let mut flipped = whole;
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    user.file("flipped.json", &flipped);
    let refused = user.meterbox([
        "receipt",
        "verify",
        "flipped.json",
        "--key",
        &key.to_string(),
    ]);
    refused.refused(9, "does not hold");
}

#[test]
fn a_replay_agrees_from_the_store_and_from_files_alone() {
    let user = User::new();
    let report = ran_job(&user);
    let receipt = report.receipt.to_str().unwrap();
    for level in ["none", "speed"] {
        let replayed = user.meterbox(["receipt", "replay", receipt, "--opt-level", level]);
        assert_eq!(replayed.exit, 0, "{replayed:?}");
        assert!(
            replayed.text().starts_with("recomputed all"),
            "{replayed:?}"
        );
    }
    // Somebody else, with nothing but files.
    let other = User::new();
    let replayed = other.meterbox([
        "receipt",
        "replay",
        receipt,
        "--order",
        user.path("order.json").to_str().unwrap(),
        "--offer",
        user.path("offer.json").to_str().unwrap(),
        "--program",
        guests::sum().to_str().unwrap(),
        "--input",
        &format!("data={}", user.path("data.bin").display()),
    ]);
    assert_eq!(replayed.exit, 0, "{replayed:?}");
    // With another input in its place, it says so.
    let wrong = other.file("wrong.bin", "wrong");
    let replayed = other.meterbox([
        "receipt",
        "replay",
        receipt,
        "--order",
        user.path("order.json").to_str().unwrap(),
        "--program",
        guests::sum().to_str().unwrap(),
        "--input",
        &format!("data={}", wrong.display()),
    ]);
    replayed.refused(1, "does not hold");
    other
        .meterbox(["receipt", "replay", receipt])
        .refused(1, "is not in the ledger");
}

#[test]
fn a_re_signed_receipt_with_altered_usage_is_refused_and_the_field_named() {
    let user = User::new();
    let report = ran_job(&user);
    let receipt = altered(&user, &report, |payload| {
        let used = &mut payload["predicate"]["reproducible"]["usage"]["instructions"];
        *used = (used.as_str().unwrap().parse::<u64>().unwrap() + 1)
            .to_string()
            .into();
    });
    let replayed = user.meterbox(["receipt", "replay", &receipt]);
    assert!(matches!(replayed.exit, 9 | 10), "{replayed:?}");
    let said = format!("{}{}", replayed.text(), replayed.stderr);
    assert!(said.contains("usage"), "{replayed:?}");
    let key = user.meterbox(["key", "show"]).text();
    let verified = user.meterbox(["receipt", "verify", &receipt, "--key", key.trim()]);
    verified.refused(9, "usage");
}

#[test]
fn a_receipt_whose_bill_is_consistent_but_whose_usage_is_not_true_fails_its_replay() {
    let user = User::new();
    let report = ran_job(&user);
    let envelope = Envelope::from_bytes(&std::fs::read(&report.receipt).unwrap()).unwrap();
    let honest: meterbox_billing::receipt::Receipt = envelope.document_unverified().unwrap();
    // A provider that bills more, and does all its sums again.
    let mut part = honest.reproducible().clone();
    part.usage.instructions += 1_000_000;
    part.usage.memory_page_instructions += 1;
    let card = meterbox_billing::rate_card::default_card().unwrap();
    let bill = meterbox_billing::bill::price_job(&part.outcome, &part.usage, &card).unwrap();
    (part.lines, part.total) = (bill.lines, bill.total);
    let lying = meterbox_billing::receipt::Receipt::new(part, honest.attested().clone()).unwrap();
    let key = SigningKey::from_pem(
        &std::fs::read_to_string(user.home().join("keys/provider.pem")).unwrap(),
    )
    .unwrap();
    let receipt = user.file(
        "lying.json",
        Envelope::seal(&lying, &key).unwrap().to_bytes().unwrap(),
    );
    let receipt = receipt.to_str().unwrap();
    let public = user.meterbox(["key", "show"]).text();
    assert_eq!(
        user.meterbox([
            "receipt",
            "verify",
            receipt,
            "--key",
            public.trim(),
            "--rate-card",
            "default"
        ])
        .exit,
        0
    );
    let replayed = user.meterbox(["receipt", "replay", receipt, "--format", "json"]);
    assert_eq!(replayed.exit, 10, "{replayed:?}");
    let verdict: serde_json::Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(verdict["difference"]["field"], "usage.instructions");
}

#[test]
fn openssl_accepts_the_signature_and_refuses_one_flipped_byte() {
    let version = Command::new("openssl").arg("version").output();
    let Some(version) = version
        .ok()
        .filter(|version| version.stdout.starts_with(b"OpenSSL 3"))
    else {
        eprintln!("skipped: openssl 3 is not installed");
        return;
    };
    eprintln!("{}", String::from_utf8_lossy(&version.stdout));
    let user = User::new();
    let report = ran_job(&user);
    let show = |part: &str| {
        user.meterbox([
            "receipt",
            "show",
            report.receipt.to_str().unwrap(),
            "--format",
            part,
        ])
        .stdout
    };
    let mut pae = show("pae");
    let key = user.file(
        "key.pem",
        user.meterbox(["key", "show", "--format", "pem"]).stdout,
    );
    let signature = user.file("signature.bin", show("signature"));
    let accepts = |pae: &[u8]| {
        let pae = user.file("pae.bin", pae);
        Command::new("openssl")
            .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"])
            .arg(&key)
            .arg("-in")
            .arg(pae)
            .arg("-sigfile")
            .arg(&signature)
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(accepts(&pae));
    let middle = pae.len() / 2;
    pae[middle] ^= 1;
    assert!(!accepts(&pae));
}

#[test]
fn files_that_are_no_receipt_are_refused() {
    let user = User::new();
    for content in [
        "",
        "{}",
        "[]",
        "not json",
        "{\"payload\":1}",
        &"[".repeat(100_000),
    ] {
        let file = user.file("no.json", content);
        for command in ["show", "verify", "replay"] {
            user.meterbox(["receipt", command, file.to_str().unwrap()])
                .refused(9, "does not hold");
        }
    }
    user.meterbox(["receipt", "verify", "nowhere.json"])
        .refused(1, "nowhere.json");
    let huge = std::fs::File::create(user.path("huge.json")).unwrap();
    huge.set_len(1 << 32).unwrap();
    user.meterbox(["receipt", "verify", "huge.json"])
        .refused(9, "has more than");
}
