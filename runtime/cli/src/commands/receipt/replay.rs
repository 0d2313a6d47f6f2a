//! `meterbox receipt replay`: gathers all that a receipt names, has its job run again, and says what that proved.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use meterbox_billing::envelope::{Envelope, EnvelopeError};
use meterbox_billing::order::Order;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::transcript::Transcript;
use meterbox_provider::{
    Answers, Disagreement, Recompute, Recorded, Replay, ReplayError, Store, Tolerance, Verdict,
    chosen_calls,
};
use serde_json::{Value, json};

use super::{Trust, invalid, read};
use crate::commands::{Format, OptLevelFlag};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, read_audit_secret};
use crate::ordering::material_of;
use crate::ui::Ui;
use crate::workers::Place;
use crate::{Ended, program, rates};

/// Run a receipted job again from nothing, and compare.
///
/// Program, inputs, order, transcript and audit secret are taken from this machine's folder unless they are
/// given.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox receipt replay receipt.json\n  meterbox receipt replay receipt.json --order order.json --program prog.wasm --input data=data.bin\n\n  Take what models gave from a transcript, and compute 5 of their calls again, as the order's secret chooses:\n\n  meterbox receipt replay receipt.json --transcript receipt.transcript --recompute 5"
)]
pub struct ReplayArguments {
    /// The receipt
    file: PathBuf,

    #[command(flatten)]
    trust: Trust,

    /// The order [default: the one in the ledger]
    #[arg(long, value_name = "FILE")]
    order: Option<PathBuf>,

    /// The program [default: the one in the store]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// An input; repeatable [default: those in the store]
    #[arg(long = "input", value_name = "NAME=PATH")]
    inputs: Vec<String>,

    /// The rate card [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    rate_card: Option<PathBuf>,

    /// What models gave [default: the transcript that is kept here; without one, all is computed]
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,

    /// Which calls on models to compute again: `all`, `none`, or so many, chosen by the receipt and the order's
    /// secret
    #[arg(long, value_name = "all|none|K", default_value = "all")]
    recompute: Share,

    /// The secret that the order commits to [default: the one that is kept here]
    #[arg(long, value_name = "FILE")]
    audit_secret: Option<PathBuf>,

    /// How far a call that is computed again may be apart from the transcript: `exact`, or `ABS,REL` for floats
    /// [default: exact if the receipt names the backend that is the same on every machine, else 0.001,0.001]
    #[arg(long, value_name = "exact|ABS,REL")]
    tolerance: Option<Apart>,

    /// Whether the largest element of each row must be the same one; without effect where all is exact
    #[arg(long, value_enum, default_value = "same")]
    arg_max: ArgMax,

    /// How hard the compiler tries; never visible in the result
    #[arg(long, value_enum, default_value = "speed")]
    opt_level: OptLevelFlag,

    #[command(flatten)]
    place: Place,

    /// How to print the verdict
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    ledger_wait: u64,
}

/// How many calls are computed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    All,
    None,
    Some(u64),
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        match text {
            "all" => Ok(Share::All),
            "none" => Ok(Share::None),
            _ => text
                .parse()
                .map(Share::Some)
                .map_err(|_| "write `all`, `none`, or how many".into()),
        }
    }
}

/// How far answers may be apart.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Apart {
    Exact,
    Within { absolute: f64, relative: f64 },
}

impl FromStr for Apart {
    type Err = String;

    fn from_str(text: &str) -> Result<Apart, String> {
        if text == "exact" {
            return Ok(Apart::Exact);
        }
        let part = |text: &str| {
            let value = text.parse::<f64>().ok();
            value.filter(|value| value.is_finite() && *value >= 0.0)
        };
        let parts = text.split_once(',');
        parts
            .and_then(|(absolute, relative)| part(absolute).zip(part(relative)))
            .map(|(absolute, relative)| Apart::Within { absolute, relative })
            .ok_or_else(|| {
                "write `exact`, or two numbers that are not negative, such as 0.001,0.001".into()
            })
    }
}

/// What of the largest elements is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArgMax {
    /// They are the same ones, unless others are as large within the tolerance.
    Same,
    /// Any may be the largest.
    Any,
}

/// Replays.
pub(super) fn run(arguments: &ReplayArguments, home: Option<&Path>, ui: &Ui) -> Ended {
    let envelope =
        Envelope::from_bytes(&read(&arguments.file)?).map_err(|error| invalid(&error))?;
    let trusted = arguments.trust.key()?;
    let claimed: Receipt = envelope
        .document_unverified()
        .map_err(|error| invalid(&error))?;
    let key = trusted.unwrap_or(claimed.attested().provider_key);
    let receipt: Receipt = envelope.open(&key).map_err(|error| invalid(&error))?;
    if trusted.is_none() {
        ui.say(
            "note: the signature fits the key inside the receipt; name the provider's with --key",
        );
    }
    let home = Home::find(home)?;
    let order = order_of(arguments, &receipt, &home)?;
    let card = rates::card(arguments.rate_card.as_deref())?;

    // A store of its own for what is given by hand; digests decide what is what.
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::writing(Path::new("a temporary folder"), &error))?;
    let given = Store::open(folder.path())?;
    for input in &arguments.inputs {
        let Some((_, path)) = input.split_once('=') else {
            return Err(Failure::new(
                Exit::Usage,
                format!("`{input}` is no input: write NAME=PATH"),
            ));
        };
        given.put_file(Path::new(path))?;
    }
    let store = if arguments.inputs.is_empty() {
        home.store()?
    } else {
        given
    };
    let program = match &arguments.program {
        Some(path) => program::read(path)?,
        None => home.store()?.read(&order.job.module)?,
    };
    let material = material_of(&order.job, program, &store)?;
    let sandbox = arguments.place.sandbox(arguments.opt_level.into(), &home)?;
    let recorded = recorded_of(arguments, &receipt, &home)?;
    let recompute = match (arguments.recompute, &recorded) {
        (Share::All, _) | (_, None) => Recompute::All,
        (Share::None, _) => Recompute::None,
        (Share::Some(count), Some(recorded)) => {
            let secret = secret_of(arguments, &order, &home)?;
            let digest = envelope.payload_digest().map_err(|error| invalid(&error))?;
            chosen_calls(&order, &secret, &digest, recorded.calls(), count).map_err(failure)?
        }
    };
    let tolerance = tolerance_of(arguments, &receipt);
    let answers = match &recorded {
        None => Answers::Computed,
        Some(recorded) => Answers::Recorded {
            recorded,
            recompute: &recompute,
            tolerance,
        },
    };
    let verdict = {
        let _working = ui.working("running the job again");
        Replay::prepare(&receipt, &order, &material, &card, &sandbox)
            .and_then(|replay| replay.run(&answers))
    };
    let verdict = verdict.map_err(failure)?;
    crate::ui::print(&match arguments.format {
        Format::Json => {
            let mut json = as_json(&verdict);
            if recorded.is_some() {
                json["tolerance"] = tolerance_as_json(&tolerance);
            }
            format!("{json:#}\n")
        }
        Format::Text => {
            let mut text = as_text(&verdict, recorded.is_some());
            if recorded.is_some() && recompute != Recompute::None {
                text += &format!("calls that are computed again may differ: {tolerance}\n");
            }
            text
        }
    })?;
    Ok(match verdict {
        Verdict::RecomputedAll { .. } | Verdict::Recomputed { .. } => Exit::Ok,
        Verdict::TranscriptTrusted { .. } => Exit::TranscriptTrusted,
        Verdict::Differs(_) | Verdict::CallDiffers(_) => Exit::ReceiptDiffers,
    })
}

fn failure(error: ReplayError) -> Failure {
    match error {
        ReplayError::Run(error) => Failure::from(error),
        ReplayError::OtherTranscript { .. } | ReplayError::Transcript(_) => Failure::caused(
            Exit::TranscriptInvalid,
            "the receipt cannot be replayed from this transcript",
            &error,
        ),
        // Which accuses nobody.
        ReplayError::Stopped => {
            Failure::caused(Exit::Refused, "the receipt cannot be replayed", &error)
        }
        ReplayError::OtherSecret { .. } => Failure::caused(
            Exit::Usage,
            "the calls to compute again cannot be chosen",
            &error,
        )
        .hint("give the secret of this order with --audit-secret FILE"),
        other => Failure::caused(
            Exit::ReceiptDiffers,
            "the receipt cannot be replayed from this",
            &other,
        ),
    }
}

/// The transcript: the one that was named, or the one that is kept here, where it can be used.
fn recorded_of(
    arguments: &ReplayArguments,
    receipt: &Receipt,
    home: &Home,
) -> Result<Option<Arc<Recorded>>, Failure> {
    let expected = &receipt.reproducible().transcript;
    let open = |file: File| -> Result<Option<Arc<Recorded>>, Failure> {
        Ok(Some(Arc::new(Recorded::open(file, expected)?)))
    };
    if let Some(path) = &arguments.transcript {
        return open(File::open(path).map_err(|error| Failure::reading(path, &error))?);
    }
    // Of a job that called no model there is nothing to believe.
    let has_calls = Transcript::default()
        .digest()
        .is_ok_and(|without_calls| without_calls != *expected);
    let is_needed = has_calls && arguments.recompute != Share::All;
    let order = &receipt.attested().order;
    match home.transcripts().find(order)? {
        Some(kept) => open(kept.open()?),
        None if is_needed && receipt.reproducible().usage.inference_ops() > 0 => Err(Failure::new(
            Exit::File,
            format!("no transcript of the order {order} is kept here"),
        )
        .hint("give it with --transcript FILE, or compute all calls again")),
        None => Ok(None),
    }
}

fn secret_of(
    arguments: &ReplayArguments,
    order: &Order,
    home: &Home,
) -> Result<meterbox_billing::audit::AuditSecret, Failure> {
    if let Some(path) = &arguments.audit_secret {
        return read_audit_secret(path);
    }
    home.audit_secret(&order.audit_commitment)?.ok_or_else(|| {
        Failure::new(
            Exit::File,
            format!(
                "the secret of the commitment {} is not kept here",
                order.audit_commitment
            ),
        )
        .hint("whoever ordered the job has it: give it with --audit-secret FILE")
    })
}

fn tolerance_of(arguments: &ReplayArguments, receipt: &Receipt) -> Tolerance {
    let same_arg_max = arguments.arg_max == ArgMax::Same;
    match arguments.tolerance {
        Some(Apart::Exact) => Tolerance::Exact,
        Some(Apart::Within { absolute, relative }) => Tolerance::Within {
            absolute,
            relative,
            same_arg_max,
        },
        None => match Tolerance::of(receipt.attested()) {
            Tolerance::Within {
                absolute, relative, ..
            } => Tolerance::Within {
                absolute,
                relative,
                same_arg_max,
            },
            Tolerance::Exact => Tolerance::Exact,
        },
    }
}

fn as_text(verdict: &Verdict, has_transcript: bool) -> String {
    match verdict {
        Verdict::RecomputedAll { calls } if has_transcript && *calls > 0 => format!(
            "recomputed all: each of {calls} calls on models was computed again and agrees with the transcript; \
             all else is the same, byte for byte\n"
        ),
        Verdict::RecomputedAll { .. } => {
            "recomputed all: running the job again gives the same, byte for byte\n".into()
        }
        Verdict::Recomputed { calls, of } => {
            let numbers: Vec<String> = calls.iter().map(u64::to_string).collect();
            format!(
                "recomputed {} of {of}: the calls on models {} were computed again and agree with the \
                 transcript, which was believed of the others; all else is the same, byte for byte\n",
                calls.len(),
                numbers.join(", ")
            )
        }
        Verdict::TranscriptTrusted { calls } => format!(
            "transcript-trusted: all is the same, byte for byte, if models gave what the transcript says; none \
             of {calls} calls was computed again, so whoever made it could have invented what they gave\n"
        ),
        Verdict::Differs(difference) => format!(
            "differs: the receipt says {} = {}, running the job again gives {}\n",
            difference.field, difference.ours, difference.theirs
        ),
        Verdict::CallDiffers(difference) => format!(
            "differs: call {} on the model {}: {}\n",
            difference.call, difference.model, difference.disagreement
        ),
    }
}

/// The verdict as JSON. Counts are decimal strings, and so are the elements of tensors.
fn as_json(verdict: &Verdict) -> Value {
    let text = |number: &u64| number.to_string();
    match verdict {
        Verdict::RecomputedAll { calls } => {
            json!({ "schema": 1, "verdict": "recomputed all", "calls": text(calls), "difference": null })
        }
        Verdict::Recomputed { calls, of } => json!({
            "schema": 1,
            "verdict": "recomputed k of n",
            "calls": text(of),
            "recomputed": calls.iter().map(text).collect::<Vec<_>>(),
            "difference": null,
        }),
        Verdict::TranscriptTrusted { calls } => {
            json!({ "schema": 1, "verdict": "transcript-trusted", "calls": text(calls), "difference": null })
        }
        Verdict::Differs(difference) => json!({
            "schema": 1,
            "verdict": "differs",
            "difference": {
                "field": difference.field,
                "receipt": difference.ours,
                "replay": difference.theirs,
            },
        }),
        Verdict::CallDiffers(difference) => json!({
            "schema": 1,
            "verdict": "differs",
            "difference": {
                "call": text(&difference.call),
                "model": difference.model,
                "in": disagreement_as_json(&difference.disagreement),
            },
        }),
    }
}

/// How far calls may be apart that are computed again.
fn tolerance_as_json(tolerance: &Tolerance) -> Value {
    match tolerance {
        Tolerance::Exact => json!("exact"),
        Tolerance::Within {
            absolute,
            relative,
            same_arg_max,
        } => json!({
            "absolute": absolute.to_string(),
            "relative": relative.to_string(),
            "same_arg_max": same_arg_max,
        }),
    }
}

fn disagreement_as_json(disagreement: &Disagreement) -> Value {
    match disagreement {
        Disagreement::Answer { recorded, computed } => {
            json!({ "kind": "answer", "transcript": recorded, "replay": computed })
        }
        Disagreement::Form {
            output,
            recorded,
            computed,
        } => {
            json!({ "kind": "form", "output": output, "transcript": recorded, "replay": computed })
        }
        Disagreement::Elements {
            output,
            count,
            of,
            largest,
        } => json!({
            "kind": "elements",
            "output": output,
            "differ": count.to_string(),
            "of": of.to_string(),
            "largest": {
                "element": largest.index.to_string(),
                "transcript": largest.recorded.to_string(),
                "replay": largest.computed.to_string(),
            },
        }),
        Disagreement::ArgMax {
            output,
            row,
            recorded,
            computed,
        } => json!({
            "kind": "arg_max",
            "output": output,
            "row": row.to_string(),
            "transcript": recorded.to_string(),
            "replay": computed.to_string(),
        }),
    }
}

fn order_of(arguments: &ReplayArguments, receipt: &Receipt, home: &Home) -> Result<Order, Failure> {
    let unreadable =
        |error: EnvelopeError| Failure::caused(Exit::File, "the order cannot be read", &error);
    let bytes = match &arguments.order {
        Some(path) => read(path)?,
        None => {
            let missing = || {
                Failure::new(
                    Exit::File,
                    format!(
                        "the order `{}` is not in the ledger",
                        receipt.attested().order_id
                    ),
                )
                .hint("give the order with --order FILE: `meterbox run --order FILE` writes it")
            };
            if !home.has_ledger() {
                return Err(missing());
            }
            let ledger = home.ledger(Duration::from_secs(arguments.ledger_wait))?;
            ledger
                .order(&receipt.attested().order_id)?
                .ok_or_else(missing)?
        }
    };
    let envelope = Envelope::from_bytes(&bytes).map_err(unreadable)?;
    let claimed: Order = envelope.document_unverified().map_err(unreadable)?;
    envelope.open(&claimed.requestor_key).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_apart_is_exact_or_two_numbers() {
        let parsed = |text: &str| text.parse::<Apart>().ok();
        assert_eq!(parsed("exact"), Some(Apart::Exact));
        let within = |absolute, relative| Some(Apart::Within { absolute, relative });
        assert_eq!(parsed("0.5,0"), within(0.5, 0.0));
        assert_eq!(parsed("1e-6,1e-3"), within(1e-6, 1e-3));
        for text in ["", "1", "1,", "-1,0", "NaN,0", "0,inf", "1,2,3"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_is_all_none_or_a_number() {
        let parsed = |text: &str| text.parse::<Share>().ok();
        assert_eq!(parsed("all"), Some(Share::All));
        assert_eq!(parsed("none"), Some(Share::None));
        assert_eq!(parsed("5"), Some(Share::Some(5)));
        for text in ["", "some", "-1", "1.5"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
