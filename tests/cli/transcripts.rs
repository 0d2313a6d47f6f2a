//! Transcripts: kept, handed out, replayed with each verdict, forged, damaged and dropped; and the secret that
//! chooses what is computed again.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Envelope, RECEIPT_TYPE};
use meterbox_billing::key::SigningKey;
use meterbox_billing::order::Order;
use meterbox_provider::{BundleWriter, Recorded};
use meterbox_sandbox::{TensorHead, tensor_digest, tensor_head};
use meterbox_tests as guests;
use serde_json::Value;

use crate::harness::{Ran, Report, User};

/// Calls that the job makes.
const CALLS: &str = "10";

/// A requestor that has run a job with a model, and what it has of it.
struct Done {
    user: User,
    report: Report,
    model: PathBuf,
}

fn ran_with(user: User, more: &[&str]) -> Done {
    let model = user.file("boxes.onnx", guests::boxes_model());
    let input = format!("model={}", model.display());
    let mut arguments = vec!["--in-process", "--input", &input, "--order", "order.json"];
    arguments.extend(more);
    arguments.extend(["--", CALLS]);
    let report = user.run(guests::boxes(), &arguments);
    assert_eq!(report.outcome(), "ok", "{report:?}");
    Done {
        user,
        report,
        model,
    }
}

fn ran() -> Done {
    ran_with(User::new(), &["--transcript", "job.transcript"])
}

impl Done {
    fn receipt(&self) -> &str {
        self.report.receipt.to_str().unwrap()
    }

    /// Replays a receipt from files alone: somebody who has nothing else.
    fn replayed_by(&self, other: &User, receipt: &Path, transcript: &Path, more: &[&str]) -> Ran {
        let order = self.user.path("order.json");
        let input = format!("model={}", self.model.display());
        let mut arguments = vec![
            "receipt",
            "replay",
            receipt.to_str().unwrap(),
            "--in-process",
            "--order",
            order.to_str().unwrap(),
            "--program",
            guests::boxes().to_str().unwrap(),
            "--input",
            &input,
            "--transcript",
            transcript.to_str().unwrap(),
        ];
        arguments.extend(more);
        other.meterbox(arguments)
    }

    fn replayed(&self, more: &[&str]) -> Ran {
        let transcript = self.user.path("job.transcript");
        self.replayed_by(&User::new(), &self.report.receipt, &transcript, more)
    }

    fn commitment(&self) -> Digest {
        let bytes = std::fs::read(self.user.path("order.json")).unwrap();
        let order: Order = Envelope::from_bytes(&bytes)
            .unwrap()
            .document_unverified()
            .unwrap();
        order.audit_commitment
    }

    fn secret(&self) -> PathBuf {
        let secrets = self.user.home().join("audit-secrets");
        secrets.join(self.commitment().to_string())
    }

    /// Changes the receipt's transcript, signs the receipt again with the provider's own key, and gives both.
    /// The first call's output, which was 0, becomes a half, which makes no lap either.
    fn forged(&self) -> (PathBuf, PathBuf) {
        let user = &self.user;
        let envelope = Envelope::from_bytes(&std::fs::read(&self.report.receipt).unwrap()).unwrap();
        let mut payload: Value =
            serde_json::from_slice(&envelope.payload_unverified().unwrap()).unwrap();
        let named = &mut payload["predicate"]["reproducible"]["transcript"];
        let file = std::fs::File::open(user.path("job.transcript")).unwrap();
        let recorded = Recorded::open(file, &named.as_str().unwrap().parse().unwrap()).unwrap();

        let mut transcript = recorded.transcript().clone();
        let first = recorded
            .tensor(&transcript.calls[0].outputs[0].sha256)
            .unwrap();
        let head = TensorHead::read(&tensor_head(&first)).unwrap();
        let half = head.with_data(0.5_f32.to_le_bytes().to_vec()).unwrap();
        transcript.calls[0].outputs[0].sha256 = Digest::from_bytes(tensor_digest(&half));
        let mut writer = BundleWriter::new(&user.path(""));
        writer.add(&half).unwrap();
        for call in &transcript.calls[1..] {
            let digest = &call.outputs[0].sha256;
            writer.add(&recorded.tensor(digest).unwrap()).unwrap();
        }
        let bundle = user.path("forged.transcript");
        writer.finish(&transcript, &bundle).unwrap();

        *named = transcript.digest().unwrap().to_string().into();
        let key = SigningKey::from_pem(
            &std::fs::read_to_string(user.home().join("keys/provider.pem")).unwrap(),
        )
        .unwrap();
        let payload = meterbox_billing::canonical::to_canonical_json(&payload).unwrap();
        let envelope = Envelope::sign(RECEIPT_TYPE, &payload, &key).unwrap();
        let receipt = user.file("forged.json", envelope.to_bytes().unwrap());
        (receipt, bundle)
    }
}

#[test]
fn a_requestor_gets_each_verdict_from_files_alone() {
    let done = ran();
    for (more, exit, says) in [
        (&["--recompute", "none"][..], 13, "transcript-trusted: "),
        (
            &["--recompute", "all"],
            0,
            "recomputed all: each of 10 calls",
        ),
        (&[], 0, "recomputed all: each of 10 calls"),
    ] {
        let replayed = done.replayed(more);
        assert_eq!(replayed.exit, exit, "{replayed:?}");
        assert!(replayed.text().starts_with(says), "{replayed:?}");
    }
    let secret = done.secret();
    let chosen = [
        "--recompute",
        "3",
        "--audit-secret",
        secret.to_str().unwrap(),
    ];
    let replayed = done.replayed(&chosen);
    assert_eq!(replayed.exit, 0, "{replayed:?}");
    assert!(
        replayed.text().starts_with("recomputed 3 of 10: "),
        "{replayed:?}"
    );
    let replayed = done.replayed(&[&chosen[..], &["--format", "json"]].concat());
    let verdict: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(
        (&verdict["verdict"], &verdict["calls"]),
        (&"recomputed k of n".into(), &"10".into())
    );
    assert_eq!(verdict["recomputed"].as_array().unwrap().len(), 3);
}

#[test]
fn the_owner_of_a_home_needs_to_name_nothing() {
    let done = ran_with(User::new(), &[]);
    let receipt = done.receipt();
    for (share, exit) in [("all", 0), ("none", 13), ("4", 0)] {
        let replayed = done.user.meterbox([
            "receipt",
            "replay",
            receipt,
            "--in-process",
            "--recompute",
            share,
        ]);
        assert_eq!(replayed.exit, exit, "{replayed:?}");
    }
}

#[test]
fn a_call_that_was_forged_is_named_with_how_far_it_is_off() {
    let done = ran();
    let (receipt, transcript) = done.forged();
    let other = User::new();
    let replayed = |more: &[&str]| done.replayed_by(&other, &receipt, &transcript, more);
    // What was not computed again is believed.
    assert_eq!(replayed(&["--recompute", "none"]).exit, 13);

    let found = replayed(&[]);
    assert_eq!(found.exit, 10, "{found:?}");
    let model = Digest::of(&guests::boxes_model());
    assert_eq!(
        found.text(),
        format!(
            "differs: call 0 on the model {model}: output `boxes` differs in 1 of 1 elements, most in element 0: \
             0.5 in the transcript, 0 computed again\ncalls that are computed again may differ: in no bit\n"
        )
    );
    let found = replayed(&["--format", "json"]);
    let verdict: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(verdict["verdict"], "differs");
    let difference = &verdict["difference"];
    assert_eq!(difference["call"], "0");
    assert_eq!(difference["model"], model.to_string());
    assert_eq!(difference["in"]["output"], "boxes");
    assert_eq!(difference["in"]["largest"]["transcript"], "0.5");
    // Whoever allows so much gets it.
    for (tolerance, exit) in [("0.5,0", 0), ("0.49,0", 10), ("0,1", 10), ("exact", 10)] {
        let found = replayed(&["--tolerance", tolerance]);
        assert_eq!(found.exit, exit, "{found:?}");
    }
    replayed(&["--tolerance", "0.5"]).refused(2, "two numbers");
}

#[test]
fn a_transcript_that_is_not_the_receipts_whole_one_is_refused() {
    let done = ran();
    let whole = std::fs::read(done.user.path("job.transcript")).unwrap();
    let other = User::new();
    let refused = |bytes: &[u8], says: &str| {
        let file = other.file("altered.transcript", bytes);
        for share in ["all", "none"] {
            done.replayed_by(&other, &done.report.receipt, &file, &["--recompute", share])
                .refused(14, says);
        }
    };
    // The first tensor's data, which is 0, follows its head of 15 bytes.
    let mut altered = whole.clone();
    altered[17] = 0x3f;
    refused(&altered, "output `boxes` of call 0 has the digest");
    refused(&whole[19..], "output `boxes` of call 0 is missing");
    refused(&whole[..whole.len() - 1], "no whole transcript");
    refused(b"", "no whole transcript");
    // One that is whole, and of another receipt.
    let (_, forged) = done.forged();
    refused(&std::fs::read(forged).unwrap(), "the receipt names");
    done.replayed_by(&other, &done.report.receipt, &other.path("nowhere"), &[])
        .refused(1, "nowhere");
}

#[test]
fn the_secret_of_an_order_is_kept_for_its_owner_alone_and_another_chooses_nothing() {
    let done = ran();
    let secret = done.secret();
    let mode = std::fs::metadata(&secret).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&secret).unwrap();
    let kept: meterbox_billing::audit::AuditSecret = text.trim().parse().unwrap();
    assert_eq!(kept.commitment(), done.commitment());

    done.replayed(&["--recompute", "3"])
        .refused(1, "is not kept here");
    let other = done.user.file("other", "00".repeat(32));
    let other = other.to_str().unwrap();
    done.replayed(&["--recompute", "3", "--audit-secret", other])
        .refused(2, "the secret has the commitment");
    let none = done.user.file("none", "secret");
    done.replayed(&["--recompute", "3", "--audit-secret", none.to_str().unwrap()])
        .refused(1, "holds no audit secret");
}

#[test]
fn an_order_commits_to_the_secret_that_its_requestor_brings() {
    let user = User::new();
    let text = "07".repeat(32);
    let secret: meterbox_billing::audit::AuditSecret = text.parse().unwrap();
    let file = user.file("mine", format!("{text}\n"));
    let arguments = ["--audit-secret", file.to_str().unwrap()];
    let done = ran_with(
        user,
        &[&arguments[..], &["--transcript", "job.transcript"]].concat(),
    );
    assert_eq!(done.commitment(), secret.commitment());
    assert!(!done.secret().exists(), "its owner keeps it");
    let replayed = done.replayed(&[&["--recompute", "2"][..], &arguments].concat());
    assert_eq!(replayed.exit, 0, "{replayed:?}");
}

#[test]
fn transcripts_are_listed_shown_handed_out_and_dropped() {
    let done = ran();
    let (user, receipt) = (&done.user, done.receipt());
    let listed = user.meterbox(["transcript", "list"]).text();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let shown = user.meterbox(["transcript", "show", receipt]).text();
    assert!(shown.starts_with("10 calls\ncall 0  model "), "{shown}");
    // What is printed as JSON is what the receipt's digest is of.
    let json = user.meterbox(["transcript", "show", receipt, "--format", "json"]);
    let named: Value = serde_json::from_slice(&done.report.reproducible(user)).unwrap();
    assert_eq!(Digest::of(&json.stdout).to_string(), named["transcript"]);

    assert_eq!(
        user.meterbox(["transcript", "export", receipt, "copy"])
            .exit,
        0
    );
    assert_eq!(
        std::fs::read(user.path("copy")).unwrap(),
        std::fs::read(user.path("job.transcript")).unwrap()
    );
    let drop = |argument: &str| user.meterbox(["transcript", "drop", argument]).text();
    assert_eq!(drop("--ended"), "0 dropped\n");
    assert_eq!(drop(receipt), "1 dropped\n");
    assert_eq!(drop("--all"), "0 dropped\n");
    for command in [&["export", receipt, "copy"][..], &["show", receipt]] {
        user.meterbox([&["transcript"][..], command].concat())
            .refused(1, "is kept here");
    }
    let replay = ["receipt", "replay", receipt, "--in-process", "--recompute"];
    user.meterbox([&replay[..], &["none"]].concat())
        .refused(1, "is kept here");
    // Without it all is computed again.
    let replayed = user.meterbox([&replay[..], &["all"]].concat());
    assert_eq!(replayed.exit, 0, "{replayed:?}");
}

#[test]
fn a_transcript_is_kept_as_long_as_was_said() {
    let user = User::new();
    let kept_for = |user: User, days: &str| {
        let more = ["--keep-transcript", days, "--transcript", "job.transcript"];
        ran_with(user, &more).user
    };
    // For no days: it is handed out, and gone.
    let user = kept_for(user, "0");
    assert!(user.path("job.transcript").exists());
    assert_eq!(user.meterbox(["transcript", "list"]).text(), "");
    let user = kept_for(user, "1000000000000000000");
    let listed = user.meterbox(["transcript", "list"]).text();
    assert!(listed.contains("until 9999-12-31T23:59:59Z"), "{listed}");
}

#[test]
fn a_receipt_says_what_each_model_was_used_for_and_the_report_what_it_cost() {
    let done = ran();
    let key = done.user.meterbox(["key", "show"]).text();
    let arguments = ["receipt", "explain", done.receipt(), "--key", key.trim()];
    let explained = done.user.meterbox(arguments);
    assert_eq!(explained.exit, 0, "{explained:?}");
    let model = Digest::of(&guests::boxes_model());
    let told = format!("of that, by model:\n  `model`, {model}, {CALLS} calls\n");
    assert!(explained.text().contains(&told), "{explained:?}");
    let exported = done
        .user
        .meterbox(["billing", "export", "--format", "jsonl"]);
    let record: Value = serde_json::from_str(exported.text().trim()).unwrap();
    let charged = &record["models"][0];
    assert_eq!(
        (&charged["input"], &charged["used"]["calls"]),
        (&"model".into(), &CALLS.into())
    );
    assert_eq!(charged["used"]["sha256"], model.to_string());
    let report = done.user.meterbox(["billing", "report"]).text();
    let (_, models) = report.split_once("By model").unwrap();
    assert!(models.contains("model<span class=\"small\">"), "{models}");
    assert_eq!(done.user.meterbox(["ledger", "check"]).exit, 0);
}

#[test]
fn a_job_that_calls_no_model_has_an_empty_transcript_and_nothing_to_trust() {
    let user = User::new();
    let report = user.run(
        guests::hello(),
        &["--in-process", "--transcript", "job.transcript"],
    );
    let receipt = report.receipt.to_str().unwrap();
    assert_eq!(user.meterbox(["transcript", "list"]).text(), "");
    let transcript = ["--transcript", "job.transcript"];
    let replay = [
        "receipt",
        "replay",
        receipt,
        "--in-process",
        "--recompute",
        "none",
    ];
    for more in [&[][..], &transcript] {
        let replayed = user.meterbox([&replay[..], more].concat());
        assert_eq!(replayed.exit, 0, "{replayed:?}");
        assert!(
            replayed.text().starts_with("recomputed all: "),
            "{replayed:?}"
        );
    }
}

#[test]
fn an_audit_is_planned_as_the_help_says() {
    let user = User::new();
    let help = user.meterbox(["audit", "plan", "--help"]).text();
    let (_, example) = help.split_once("  meterbox ").unwrap();
    let (command, rest) = example.split_once('\n').unwrap();
    let planned = user.meterbox(command.split(' '));
    assert_eq!(planned.exit, 0, "{planned:?}");
    assert_eq!(planned.text().trim(), rest.lines().next().unwrap().trim());

    let plan = [
        "audit",
        "plan",
        "--deposit",
        "2.70",
        "--gain",
        "0.30",
        "--calls",
    ];
    let json = user.meterbox([&plan[..], &["200", "--forged", "4", "--format", "json"]].concat());
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["recompute"], "6");
    for (calls, says) in [("0", "not for 0"), ("1000001", "not for 1000001")] {
        user.meterbox([&plan[..], &[calls]].concat())
            .refused(2, says);
    }
    user.meterbox([&plan[..], &["3", "--forged", "4"]].concat())
        .refused(2, "not 4");
}
