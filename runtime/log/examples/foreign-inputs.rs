//! Writes what the scripts of `tests/foreign` look at: signed documents of every kind, a log with checkpoints and
//! proofs, and copies of each that somebody tampered with. Checks nothing.
//!
//! `cargo run -p meterbox-log --example foreign-inputs FOLDER`

#![allow(clippy::unwrap_used)] // it runs for tests only, and says where it ended

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meterbox_billing::{
    bill, digest, envelope, job, key, limits, model_use, money, offer, order, outcome, rate_card,
    receipt, timestamp, transcript, usage,
};
use meterbox_log::note::{Kind, Name, VerifierKey};
use meterbox_log::prove::{Which, checkpoint, prove, prove_growth};
use meterbox_log::tree::Tree;
use serde_json::Value;

use crate::digest::Digest;
use crate::envelope::{Document, Envelope};
use crate::receipt::Receipt;

/// The sample documents of the unit tests of billing.
#[path = "../../billing/src/fixture.rs"]
#[allow(dead_code)]
mod fixture;

/// The file of the sample card.
const CARD: &str = r#"id = "test"
currency = "USD"
rounding = "half-even"
minor_unit_digits = 2
valid_from = "2026-01-01T00:00:00Z"
valid_until = "2036-01-01T00:00:00Z"
fee_per_job = "0.001"
[prices]
instructions = "0.000000001"
bytes_in = "0.0000000000000000005"
"#;

/// How many receipts the log has, and had before: neither is a power of two.
const RECEIPTS: u64 = 23;
const RECEIPTS_BEFORE: u64 = 14;
/// The place of the receipt that is proved.
const PLACE: u64 = 9;

fn main() {
    let folder = std::env::args().nth(1).expect("name a folder to write to");
    let folder = Path::new(&folder);
    fs::create_dir_all(folder).unwrap();
    let files = Files(folder);
    receipt_files(&files);
    document_files(&files);
    log_files(&files);
}

struct Files<'a>(&'a Path);

impl Files<'_> {
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), bytes).unwrap();
    }
}

/// The sample receipt, with its place in the log for its number.
fn logged_receipt() -> Receipt {
    let mut said = fixture::attested();
    said.sequence = PLACE;
    Receipt::new(fixture::reproducible(), said).unwrap()
}

fn receipt_files(files: &Files<'_>) {
    let key = fixture::provider_key();
    let sealed = Envelope::seal(&logged_receipt(), &key).unwrap();
    let public = key.public().unwrap();
    files.write("key.pem", public.to_pem().unwrap());
    files.write("key.hex", public.to_string());
    let other = fixture::requestor_key().public().unwrap();
    files.write("other-key.pem", other.to_pem().unwrap());
    files.write("receipt.json", sealed.to_bytes().unwrap());
    let value: Value = serde_json::from_slice(&sealed.to_bytes().unwrap()).unwrap();
    let tampered = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut value = value.clone();
        change(&mut value);
        files.write(name, serde_json::to_vec(&value).unwrap());
    };
    tampered("tampered-payload.receipt.json", &|envelope| {
        let payload = sealed.payload_unverified().unwrap();
        let cheaper = String::from_utf8(payload).unwrap();
        let cheaper = cheaper.replace("0.002204331000000002", "0.001204331000000002");
        envelope["payload"] = STANDARD.encode(cheaper).into();
    });
    tampered("tampered-type.receipt.json", &|envelope| {
        envelope["payloadType"] = envelope::ORDER_TYPE.into();
    });
    // Signed again by the provider itself, so that only arithmetic finds it out.
    let mut dearer = fixture::reproducible();
    dearer.total = "1".parse().unwrap();
    let dearer = Receipt::new(dearer, logged_receipt().attested().clone()).unwrap();
    let dearer = Envelope::seal(&dearer, &key).unwrap();
    files.write("dearer.receipt.json", dearer.to_bytes().unwrap());
    tampered("tampered-signature.receipt.json", &|envelope| {
        let mut signature = sealed.signature_bytes().unwrap();
        signature[10] ^= 1;
        envelope["signatures"][0]["sig"] = STANDARD.encode(signature).into();
    });
}

fn document_files(files: &Files<'_>) {
    use meterbox_billing::acceptance::{ACCEPTANCE_SCHEMA, Acceptance, Verdict};
    use meterbox_billing::credit::{CREDIT_SCHEMA, Credit};
    use meterbox_billing::text::Message;

    let (provider, requestor) = (fixture::provider_key(), fixture::requestor_key());
    let at = fixture::attested().ended_at;
    let receipt = logged_receipt().digest().unwrap();
    let answer = |verdict| Acceptance {
        schema: ACCEPTANCE_SCHEMA,
        receipt,
        requestor_key: requestor.public().unwrap(),
        verdict,
        at,
    };
    let credit = Credit {
        schema: CREDIT_SCHEMA,
        id: "credit-1".parse().unwrap(),
        receipt,
        provider_key: provider.public().unwrap(),
        currency: "USD".parse().unwrap(),
        amount: "0.001".parse().unwrap(),
        reason: Message::cut("the result came late"),
        at,
    };
    let dispute = Verdict::Disputed {
        reason: Message::cut("`usage.instructions` differs"),
    };
    document(files, "receipt", &logged_receipt(), None);
    let with_models = Receipt::new(fixture::with_models(), fixture::attested()).unwrap();
    document(files, "receipt-with-models", &with_models, Some(&provider));
    document(files, "offer", &fixture::offer(), Some(&provider));
    document(files, "order", &fixture::order(), Some(&requestor));
    let accepted = answer(Verdict::Accepted {});
    document(files, "acceptance", &accepted, Some(&requestor));
    document(files, "dispute", &answer(dispute), Some(&requestor));
    document(files, "credit", &credit, Some(&provider));
    let card = rate_card::RateCard::from_toml(CARD).unwrap();
    assert_eq!(card, fixture::card());
    files.write("card.toml", CARD);
    files.write("card.json", serde_json::to_vec(&fixture::card()).unwrap());
    let default = rate_card::default_card().unwrap();
    files.write("default.card.json", serde_json::to_vec(&default).unwrap());
    files.write("default.card.toml", rate_card::DEFAULT_CARD);
    for (name, schema) in meterbox_billing::schema::all() {
        files.write(&format!("{name}.schema.json"), schema.to_string());
    }
}

/// The payload, and the envelope if nobody has written it yet.
fn document<T: Document>(
    files: &Files<'_>,
    name: &str,
    document: &T,
    key: Option<&key::SigningKey>,
) {
    files.write(&format!("{name}.payload.json"), document.payload().unwrap());
    if let Some(key) = key {
        let sealed = Envelope::seal(document, key).unwrap();
        files.write(&format!("{name}.json"), sealed.to_bytes().unwrap());
    }
}

fn log_files(files: &Files<'_>) {
    let key = fixture::provider_key();
    let origin: Name = "provider.example/log".parse().unwrap();
    let mut leaves: Vec<Digest> = (0..RECEIPTS)
        .map(|n| Digest::of(&n.to_be_bytes()))
        .collect();
    let place = usize::try_from(PLACE).unwrap();
    leaves[place] = logged_receipt().digest().unwrap();
    let before = &leaves[..usize::try_from(RECEIPTS_BEFORE).unwrap()];
    let tree = Tree::of(leaves.iter().copied());

    let lines = leaves.iter().map(|leaf| format!("{leaf}\n"));
    files.write("leaves.txt", lines.collect::<String>());
    let heads = (0..=RECEIPTS).map(|size| tree.head_at(size).unwrap());
    let heads = heads.map(|head| format!("{} {}\n", head.size, head.root));
    files.write("heads.txt", heads.collect::<String>());

    let log = VerifierKey::new(origin.clone(), Kind::Note, key.public().unwrap());
    files.write("log.vkey", log.to_string());
    let old = checkpoint(before.iter().copied(), &origin, &key).unwrap();
    let mut new = checkpoint(leaves.iter().copied(), &origin, &key).unwrap();
    let witness = "witness.example/w1".parse().unwrap();
    new.cosign(witness, &fixture::requestor_key(), 1_780_000_000)
        .unwrap();
    files.write("old.checkpoint", old.to_string());
    files.write("checkpoint", new.to_string());
    let size = format!("\n{RECEIPTS}\n");
    let grown = new.to_string().replacen(&size, "\n24\n", 1);
    files.write("tampered.checkpoint", grown);
    let proof = prove(&leaves, Which::Index(PLACE), &new).unwrap();
    files.write("receipt.tlog-proof", proof.to_string());
    let growth = prove_growth(&leaves, RECEIPTS_BEFORE, &new).unwrap();
    files.write("growth.proof", growth.to_string());
    let mut tampered = proof.clone();
    tampered.proof.index -= 1;
    files.write("tampered.tlog-proof", tampered.to_string());
    let mut tampered = growth.clone();
    tampered.proof.hashes.swap(0, 1);
    files.write("tampered.proof", tampered.to_string());
}
