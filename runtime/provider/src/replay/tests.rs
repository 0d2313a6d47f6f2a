//! A provider that lies about what models gave, and what finds it out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use meterbox_billing::bill::price_job;
use meterbox_billing::envelope::Envelope;
use meterbox_billing::job::{Blob, Job};
use meterbox_billing::key::SigningKey;
use meterbox_billing::limits::Limits;
use meterbox_billing::model_use::ModelUse;
use meterbox_billing::offer::{Confidentiality, Device, Precision};
use meterbox_billing::order::{Nonce, ORDER_SCHEMA};
use meterbox_billing::outcome::Outcome;
use meterbox_billing::receipt::{Attested, Engine, Reproducible};
use meterbox_billing::timestamp::Timestamp;
use meterbox_billing::transcript::{CallFailure, Transcript};
use meterbox_billing::usage::Observed;
use meterbox_billing::verify::verify;
use meterbox_inference::{ElementType, Tensor};
use meterbox_sandbox::{
    Calls, EndRun, Given, Input, ModelCall, NnCode, OptLevel, Plan, tensor_digest,
};

use super::*;
use crate::agreement::Disagreement;
use crate::bundle::BundleWriter;
use crate::execution::Executed;

/// How many calls the job makes.
const CALLS: u64 = 20;

/// The job that asks a model for a number and works as many laps, and all that it takes to run it.
struct World {
    sandbox: Sandbox,
    program: Arc<Program>,
    material: Material,
    card: RateCard,
    key: SigningKey,
    order: Order,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let wasm = std::fs::read(meterbox_tests::boxes()).unwrap();
    let model = meterbox_tests::boxes_model();
    let named = Blob {
        name: "model".into(),
        sha256: Digest::of(&model),
        bytes: u64::try_from(model.len()).unwrap(),
    };
    let later = Timestamp::from_unix_seconds(2_000_000_000).unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let order = Order {
        schema: ORDER_SCHEMA,
        id: "boxes".parse().unwrap(),
        offer: Digest::of(b"offer"),
        requestor_key: SigningKey::from_bytes(&[8; 32]).public().unwrap(),
        job: Job {
            module: Digest::of(&wasm),
            inputs: vec![named],
            arguments: vec![CALLS.to_string()],
            environment: vec![],
            seed: 0,
            clock_start_ns: 0,
        },
        limits: Limits::default(),
        max_price: "1000".parse().unwrap(),
        precision: Precision::F32,
        confidentiality: Confidentiality::None,
        device: Device::Cpu,
        deadline: later,
        expires_at: later,
        nonce: Nonce::from_bytes([0; 16]),
        audit_commitment: secret(0).commitment(),
        last_checkpoint: None,
    };
    let sandbox = Sandbox::new(OptLevel::Speed).unwrap();
    let metered = meter_with(&wasm, &measure::options(&order.limits)).unwrap();
    World {
        program: Arc::new(sandbox.compile(metered).unwrap()),
        sandbox,
        material: Material {
            program: wasm,
            inputs: vec![Input {
                name: "model".into(),
                sha256: *Digest::of(&model).as_bytes(),
                blob: Arc::new(model),
            }],
        },
        card: meterbox_billing::rate_card::default_card().unwrap(),
        key,
        order,
    }
});

/// Secrets that anybody can make again.
fn secret(number: u32) -> AuditSecret {
    AuditSecret::from_bytes(*Digest::of(&number.to_le_bytes()).as_bytes())
}

/// What the model gives: so many boxes.
fn boxes(count: f32) -> Given {
    let data = count.to_le_bytes().to_vec();
    let tensor = Tensor::new(vec![1], ElementType::F32, data).unwrap();
    Ok(vec![("boxes".into(), tensor)])
}

type Forgery = fn(u64) -> Option<Given>;

/// A provider that answers calls itself where `forge` has an answer, and keeps what the guest was given.
struct Liar {
    forge: Forgery,
    tensors: Mutex<HashMap<Digest, Tensor>>,
}

impl Liar {
    fn kept(&self, given: &Given) {
        for (_, tensor) in given.iter().flatten() {
            let digest = Digest::from_bytes(tensor_digest(tensor));
            self.tensors.lock().unwrap().insert(digest, tensor.clone());
        }
    }
}

impl Calls for Liar {
    fn plan(&self, call: &ModelCall<'_>, _: &[(String, Tensor)]) -> Result<Plan, EndRun> {
        Ok(match (self.forge)(call.number) {
            Some(given) => {
                self.kept(&given);
                Plan::Give(given)
            }
            None => Plan::Compute,
        })
    }

    fn computed(&self, _: &ModelCall<'_>, given: &Given) -> Result<(), EndRun> {
        self.kept(given);
        Ok(())
    }
}

/// A receipt, and its transcript.
struct Receipted {
    receipt: Receipt,
    digest: Digest,
    recorded: Arc<Recorded>,
}

fn running(world: &World) -> Running<'_> {
    Running {
        sandbox: &world.sandbox,
        program: &world.program,
        order: &world.order,
        material: &world.material,
        card: &world.card,
        is_replay: false,
    }
}

/// Runs the job with these forgeries, then lets `alter` change the transcript and what else is in the receipt,
/// and signs what that adds up to. It verifies with the provider's key and card, whatever was done.
fn receipted(forge: Forgery, alter: impl Fn(&mut Transcript, &mut Reproducible)) -> Receipted {
    let world = &*WORLD;
    let folder = tempfile::tempdir().unwrap();
    let liar = Arc::new(Liar {
        forge,
        tensors: Mutex::default(),
    });
    let calls: Arc<dyn Calls> = Arc::clone(&liar) as _;
    let Executed {
        mut reproducible,
        ran,
        ..
    } = execute(&running(world), Arc::new(Nobody), Some(calls), &Stop::new()).unwrap();
    let mut transcript = measure::transcript(&ran.transcript);
    alter(&mut transcript, &mut reproducible);
    reproducible.transcript = transcript.digest().unwrap();
    let bill = price_job(&reproducible.outcome, &reproducible.usage, &world.card).unwrap();
    (reproducible.lines, reproducible.total) = (bill.lines, bill.total);

    let receipt = Receipt::new(reproducible, attested(world)).unwrap();
    let envelope = Envelope::seal(&receipt, &world.key).unwrap();
    let key = world.key.public().unwrap();
    verify(&envelope.to_bytes().unwrap(), Some(&key), Some(&world.card)).unwrap();

    let path = folder.path().join("bundle");
    let mut writer = BundleWriter::new(folder.path());
    for output in transcript.calls.iter().flat_map(|call| &call.outputs) {
        let tensors = liar.tensors.lock().unwrap();
        writer.add(&tensors[&output.sha256]).unwrap();
    }
    writer.finish(&transcript, &path).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    Receipted {
        digest: envelope.payload_digest().unwrap(),
        recorded: Arc::new(Recorded::open(file, &transcript.digest().unwrap()).unwrap()),
        receipt,
    }
}

fn attested(world: &World) -> Attested {
    let then = Timestamp::from_unix_seconds(1_900_000_000).unwrap();
    Attested {
        order: world.order.digest().unwrap(),
        order_id: world.order.id.clone(),
        provider_key: world.key.public().unwrap(),
        started_at: then,
        ended_at: then,
        observed: Observed::default(),
        engine: Engine {
            name: "wasmtime".into(),
            version: "48".into(),
            opt_level: "speed".into(),
        },
        libraries: [("tract-onnx".to_owned(), "0.23.9".to_owned())].into(),
        precision: Precision::F32,
        confidentiality: Confidentiality::None,
        sequence: 0,
        previous_receipt: None,
    }
}

fn as_it_is(_: &mut Transcript, _: &mut Reproducible) {}

/// Invents 5,000 boxes in three of the calls.
const FORGED: [u64; 3] = [3, 11, 19];

fn invent(call: u64) -> Option<Given> {
    FORGED.contains(&call).then(|| boxes(5_000.0))
}

impl Receipted {
    /// As `prepare` makes it, with a program that is compiled once for all tests.
    fn replay(&self) -> Replay<'_> {
        let world = &*WORLD;
        Replay {
            receipt: &self.receipt,
            order: &world.order,
            material: &world.material,
            card: &world.card,
            sandbox: &world.sandbox,
            program: Arc::clone(&world.program),
        }
    }

    fn verdict(&self, recompute: &Recompute) -> Verdict {
        self.verdict_of(&self.replay(), recompute)
    }

    fn verdict_of(&self, replay: &Replay<'_>, recompute: &Recompute) -> Verdict {
        replay
            .run(&Answers::Recorded {
                recorded: &self.recorded,
                recompute,
                tolerance: Tolerance::of(self.receipt.attested()),
            })
            .unwrap()
    }
}

#[test]
fn a_verdict_says_what_was_computed_again_and_no_more() {
    let these = |calls: &[u64]| Recompute::These(calls.to_vec());
    let some = |calls: &[u64], of| Verdict::Recomputed {
        calls: calls.to_vec(),
        of,
    };
    for (of, recompute, expected) in [
        (3, Recompute::All, Verdict::RecomputedAll { calls: 3 }),
        (3, Recompute::None, Verdict::TranscriptTrusted { calls: 3 }),
        (3, these(&[]), Verdict::TranscriptTrusted { calls: 3 }),
        (3, these(&[7]), Verdict::TranscriptTrusted { calls: 3 }),
        (3, these(&[2, 0, 2, 9]), some(&[0, 2], 3)),
        (3, these(&[2, 1, 0]), Verdict::RecomputedAll { calls: 3 }),
        (0, Recompute::None, Verdict::RecomputedAll { calls: 0 }),
        (0, these(&[]), Verdict::RecomputedAll { calls: 0 }),
    ] {
        assert_eq!(verdict(of, &recompute), expected);
    }
}

#[test]
fn an_honest_receipt_gets_each_verdict() {
    let honest = receipted(|_| None, as_it_is);
    let world = &*WORLD;
    let (order, material) = (&world.order, &world.material);
    let (card, sandbox) = (&world.card, &world.sandbox);
    let replay = Replay::prepare(&honest.receipt, order, material, card, sandbox).unwrap();
    let computed = replay.run(&Answers::Computed).unwrap();
    assert_eq!(computed, Verdict::RecomputedAll { calls: CALLS });
    for (recompute, expected) in [
        (Recompute::All, Verdict::RecomputedAll { calls: CALLS }),
        (Recompute::None, Verdict::TranscriptTrusted { calls: CALLS }),
        (
            Recompute::These(vec![0, 7]),
            Verdict::Recomputed {
                calls: vec![0, 7],
                of: CALLS,
            },
        ),
    ] {
        assert_eq!(honest.verdict_of(&replay, &recompute), expected);
    }
}

#[test]
fn forged_answers_are_trusted_with_their_transcript_and_found_by_computing_them_again() {
    let honest = receipted(|_| None, as_it_is);
    let forged = receipted(invent, as_it_is);
    // The guest was made to loop, which is billed, and adds up.
    let instructions = |one: &Receipted| one.receipt.reproducible().usage.instructions;
    assert!(instructions(&forged) > instructions(&honest) + 3 * 5_000);
    assert_eq!(forged.receipt.reproducible().outcome, Outcome::OK);

    let trusted = forged.verdict(&Recompute::None);
    assert_eq!(trusted, Verdict::TranscriptTrusted { calls: CALLS });
    // Those that are as they should be agree.
    let honest_calls = (0..CALLS).filter(|call| !FORGED.contains(call)).collect();
    assert!(matches!(
        forged.verdict(&Recompute::These(honest_calls)),
        Verdict::Recomputed { calls, of: CALLS } if calls.len() == 17
    ));
    let found = |recompute| match forged.verdict(&recompute) {
        Verdict::CallDiffers(difference) => difference,
        other => panic!("{other:?}"),
    };
    let all = found(Recompute::All);
    assert_eq!((all.call, all.model), (3, WORLD.order.job.inputs[0].sha256));
    let Disagreement::Elements {
        output,
        count: 1,
        of: 1,
        largest,
    } = &all.disagreement
    else {
        panic!("{all:?}");
    };
    assert_eq!(output, "boxes");
    assert_eq!(
        (largest.index, largest.recorded, largest.computed),
        (0, 5_000.0, 3.0)
    );
    for call in FORGED {
        assert_eq!(found(Recompute::These(vec![call])).call, call);
    }
    // Without a transcript, all of it is computed, and the first effect is named.
    let without = forged.replay().run(&Answers::Computed).unwrap();
    assert!(
        matches!(&without, Verdict::Differs(difference) if difference.field == "outputs[0].bytes"),
        "{without:?}"
    );
}

#[test]
fn a_forging_provider_is_caught_as_often_as_is_stated() {
    const TRIALS: u32 = 300;
    let forged = receipted(invent, as_it_is);
    let replay = forged.replay();
    let mut caught = 0;
    for number in 0..TRIALS {
        let chosen = secret(number).choose(&forged.digest, CALLS, 5);
        let is_among_them = FORGED.iter().any(|call| chosen.contains(call));
        let verdict = forged.verdict_of(&replay, &Recompute::These(chosen.clone()));
        match verdict {
            Verdict::CallDiffers(difference) => {
                caught += 1;
                assert!(is_among_them && FORGED.contains(&difference.call));
            }
            Verdict::Recomputed { calls, of: CALLS } => {
                assert!(!is_among_them);
                assert_eq!(calls, chosen);
            }
            other => panic!("{other:?}"),
        }
    }
    // 1 − C(17, 5) / C(20, 5) = 0.6009, of 300 that is 180 with a standard deviation of 8.5. Within four.
    assert!(caught_is_near(caught, 180, 34), "{caught} of {TRIALS}");
}

fn caught_is_near(caught: u32, expected: u32, most: u32) -> bool {
    caught.abs_diff(expected) <= most
}

#[test]
fn only_the_secret_that_the_order_commits_to_chooses() {
    let world = &*WORLD;
    let receipt = Digest::of(b"receipt");
    let chosen = chosen_calls(&world.order, &secret(0), &receipt, CALLS, 5).unwrap();
    assert_eq!(
        chosen,
        Recompute::These(secret(0).choose(&receipt, CALLS, 5))
    );
    let refused = chosen_calls(&world.order, &secret(1), &receipt, CALLS, 5);
    assert!(
        matches!(refused, Err(ReplayError::OtherSecret { found, .. }) if found == secret(1).commitment())
    );
}

#[test]
fn a_forged_failure_is_found_too() {
    let forged = receipted(
        |call| (call == 4).then_some(Err(NnCode::RuntimeError)),
        as_it_is,
    );
    let transcript = forged.recorded.transcript();
    assert_eq!(transcript.calls.len(), 5, "the job gave up");
    assert_eq!(transcript.calls[4].failed, Some(CallFailure::RuntimeError));
    assert!(matches!(
        forged.receipt.reproducible().outcome,
        Outcome::Failed { .. }
    ));
    let trusted = forged.verdict(&Recompute::None);
    assert_eq!(trusted, Verdict::TranscriptTrusted { calls: 5 });
    match forged.verdict(&Recompute::All) {
        Verdict::CallDiffers(CallDifference {
            call: 4,
            disagreement: Disagreement::Answer { recorded, .. },
            ..
        }) => assert_eq!(recorded, "the failure RuntimeError"),
        other => panic!("{other:?}"),
    }
}

/// The field in which a receipt differs whose transcript was altered so, and which was signed again.
fn field(forge: Forgery, alter: impl Fn(&mut Transcript)) -> String {
    let lying = receipted(forge, |transcript, _| alter(transcript));
    match lying.verdict(&Recompute::None) {
        Verdict::Differs(difference) => difference.field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transcript_that_is_not_of_this_run_is_found_without_computing_anything() {
    let honest: Forgery = |_| None;
    for (expected, found) in [
        (
            "transcript.calls[2].model",
            field(honest, |it| it.calls[2].model = Digest::of(b"cheap")),
        ),
        (
            "transcript.calls[2].inputs[0]",
            field(honest, |it| it.calls[2].inputs[0].sha256 = Digest::of(b"")),
        ),
        (
            "transcript.calls[2].inputs[0]",
            field(honest, |it| it.calls[2].inputs.clear()),
        ),
        (
            "transcript.calls[2].outputs",
            field(honest, |it| it.calls[2].outputs[0].name = "other".into()),
        ),
        (
            "transcript.calls[2].outputs",
            field(honest, |it| it.calls[2].outputs.clear()),
        ),
        (
            "transcript.calls[5].operations",
            field(honest, |it| it.calls[5].operations += 1),
        ),
        (
            "transcript.calls[5].weight_bytes",
            field(honest, |it| it.calls[5].weight_bytes += 1),
        ),
        (
            "transcript.calls[5].tensor_bytes",
            field(honest, |it| it.calls[5].tensor_bytes += 1),
        ),
        // One more than the guest makes, and one less.
        (
            "transcript.calls[20]",
            field(honest, |it| it.calls.push(it.calls[0].clone())),
        ),
        (
            "transcript.calls[19]",
            field(honest, |it| {
                it.calls.pop();
            }),
        ),
        // Nothing that a model gives is larger than what was charged for it.
        (
            "transcript.calls[6].tensor_bytes",
            field(
                |call| {
                    (call == 6).then(|| {
                        let tensor = Tensor::new(vec![2], ElementType::F32, vec![0; 8]).unwrap();
                        Ok(vec![("boxes".into(), tensor)])
                    })
                },
                |_| {},
            ),
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn usage_that_the_run_did_not_have_is_found_with_a_transcript_too() {
    let lying = receipted(invent, |_, part| part.usage.instructions += 1);
    match lying.verdict(&Recompute::None) {
        Verdict::Differs(difference) => assert_eq!(difference.field, "usage.instructions"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_model_was_not_used_for_is_found() {
    let honest = receipted(|_| None, as_it_is);
    let part = honest.receipt.reproducible();
    let [model] = &part.models[..] else {
        panic!("the job uses one model: {:?}", part.models)
    };
    let calls = u64::try_from(honest.recorded.transcript().calls.len()).unwrap();
    assert_eq!((model.sha256, model.calls), (part.inputs[0].sha256, calls));
    for meter in ModelUse::METERS {
        assert_eq!(model.get(*meter), part.usage.get(*meter), "{meter}");
    }
    let forged = receipted(|_| None, |_, part| part.models[0].calls += 1);
    match forged.verdict(&Recompute::None) {
        Verdict::Differs(difference) => assert_eq!(difference.field, "models[0].calls"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_receipts_transcript_is_refused() {
    let (honest, forged) = (receipted(|_| None, as_it_is), receipted(invent, as_it_is));
    let refused = honest.replay().run(&Answers::Recorded {
        recorded: &forged.recorded,
        recompute: &Recompute::All,
        tolerance: Tolerance::Exact,
    });
    assert!(
        matches!(refused, Err(ReplayError::OtherTranscript { found, .. }) if found == forged.recorded.digest())
    );
}

#[test]
fn the_bytes_that_are_kept_are_those_whose_digest_the_transcript_has() {
    let honest = receipted(|_| None, as_it_is);
    for (number, call) in (0_u8..).zip(&honest.recorded.transcript().calls) {
        let kept = honest.recorded.tensor(&call.outputs[0].sha256).unwrap();
        let Ok(expected) = boxes(f32::from(number % 7)) else {
            panic!("it has outputs");
        };
        assert_eq!(kept, expected[0].1);
        assert_eq!(tensor_digest(&kept), *call.outputs[0].sha256.as_bytes());
    }
}
