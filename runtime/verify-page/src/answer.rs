//! Turns what somebody put into the page into what it shows: one check a row, and the receipt in words. Decides
//! nothing that `meterbox-billing` and `meterbox-log` do not.

use meterbox_billing::envelope::{Envelope, EnvelopeError};
use meterbox_billing::explain::{Explanation, explain};
use meterbox_billing::key::PublicKey;
use meterbox_billing::rate_card::{DEFAULT_CARD, RateCard};
use meterbox_billing::receipt::Receipt;
use meterbox_billing::verify::{Signer, Verified, VerifyError, check_reproducible, verify};
use meterbox_log::check::check_receipt;
use meterbox_log::checkpoint::Trust;
use meterbox_log::proof_file::InclusionFile;
use serde::{Deserialize, Serialize};

/// What somebody put into the page; what is empty was left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The receipt's file.
    receipt: String,
    /// The provider's key, in hexadecimal or PEM.
    key: String,
    /// The rate card's file, or `default`.
    card: String,
    /// The file of the proof that the receipt is in the provider's log.
    proof: String,
}

/// What the whole comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// All that could be checked holds, and the given key signed.
    Valid,
    /// All that could be checked holds, but no key was given, so that anybody could have signed.
    UnknownSigner,
    /// Something does not hold.
    Refused,
}

/// Whether a check held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Passed,
    Failed,
    /// What is needed was not given, or an earlier check failed.
    Skipped,
}

/// One row.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    /// What it found: for a failure its causes, from the outer to the inner one.
    detail: String,
}

/// What is shown.
#[derive(Debug, Serialize)]
struct Answer {
    verdict: Verdict,
    checks: Vec<Check>,
    /// What each charge was for; only where the receipt adds up and its signature fits.
    explanation: Option<Explanation>,
}

const FORM: &str = "Form";
const SIGNATURE: &str = "Signature";
const DIGESTS: &str = "Digests";
const ARITHMETIC: &str = "Arithmetic";
const PRICES: &str = "Prices";
const LOG: &str = "Log";
/// The checks that verification makes, in its order; each supposes the ones before.
const STEPS: [&str; 4] = [FORM, SIGNATURE, DIGESTS, ARITHMETIC];

/// The answer to a request, both JSON. Whatever comes, there is an answer.
#[must_use]
pub fn answer(request: &[u8]) -> String {
    let answer = match serde_json::from_slice::<Request>(request) {
        Ok(request) => find(&request),
        Err(error) => refused(vec![failed(
            FORM,
            format!("the page asked wrongly: {error}"),
        )]),
    };
    serde_json::to_string(&answer).expect("texts and lists of texts can be written")
}

fn refused(checks: Vec<Check>) -> Answer {
    Answer {
        verdict: Verdict::Refused,
        checks,
        explanation: None,
    }
}

fn check(name: &'static str, state: State, detail: impl Into<String>) -> Check {
    let detail = detail.into();
    Check {
        name,
        state,
        detail,
    }
}

fn failed(name: &'static str, detail: impl Into<String>) -> Check {
    check(name, State::Failed, detail)
}

/// What an error says, with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes: Vec<_> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    causes.join(": ")
}

fn find(request: &Request) -> Answer {
    let key = match read_key(request.key.trim()) {
        Ok(key) => key,
        Err(reason) => return refused(vec![failed(SIGNATURE, reason)]),
    };
    let bytes = request.receipt.as_bytes();
    let verified = match verify(bytes, key.as_ref(), None) {
        Ok(verified) => verified,
        Err(error) => return refused(steps_to(&error, bytes)),
    };
    let part = verified.receipt.reproducible();
    let mut checks = vec![
        check(
            FORM,
            State::Passed,
            "an in-toto Statement in canonical JSON, in a DSSE envelope",
        ),
        signature_row(&verified),
        check(
            DIGESTS,
            State::Passed,
            format!(
                "the receipt is {}; the job's digest and all subjects fit",
                verified.digest
            ),
        ),
        check(
            ARITHMETIC,
            State::Passed,
            format!(
                "{} lines are quantity × price, rounded once, and add up to {} {}",
                part.lines.len(),
                part.total,
                part.currency
            ),
        ),
    ];
    checks.push(prices_row(request.card.trim(), &verified));
    checks.push(log_row(request.proof.trim_start(), key.as_ref(), &verified));
    let sound = checks.iter().all(|check| check.state != State::Failed);
    Answer {
        verdict: match (sound, verified.signer) {
            (false, _) => Verdict::Refused,
            (true, Signer::Trusted(_)) => Verdict::Valid,
            (true, Signer::Unknown(_)) => Verdict::UnknownSigner,
        },
        explanation: Some(explain(&verified.receipt, verified.digest)),
        checks,
    }
}

fn read_key(text: &str) -> Result<Option<PublicKey>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let key = match text.starts_with("-----BEGIN") {
        true => PublicKey::from_pem(text),
        false => text.to_ascii_lowercase().parse(),
    };
    key.map(Some)
        .map_err(|error| format!("the provider's key cannot be read: {}", told(&error)))
}

/// The rows up to the one that an error belongs to.
fn steps_to(error: &VerifyError, receipt: &[u8]) -> Vec<Check> {
    let place = match error {
        VerifyError::Envelope(error) => match error {
            EnvelopeError::Document(_)
            | EnvelopeError::NotCanonical
            | EnvelopeError::PayloadType { .. }
            | EnvelopeError::Base64 { .. } => FORM,
            EnvelopeError::NoSignature
            | EnvelopeError::SeveralSignatures { .. }
            | EnvelopeError::UnknownSigner { .. }
            | EnvelopeError::BadSignature
            | EnvelopeError::Key(_) => SIGNATURE,
        },
        VerifyError::WrongProvider { .. } => SIGNATURE,
        VerifyError::Mismatch(difference) if difference.field == "job" => DIGESTS,
        VerifyError::Output(_) | VerifyError::Canonical(_) => DIGESTS,
        VerifyError::Mismatch(_)
        | VerifyError::Model { .. }
        | VerifyError::Line { .. }
        | VerifyError::Money { .. }
        | VerifyError::Limits(_)
        | VerifyError::Price(_) => ARITHMETIC,
    };
    let mut detail = told(error);
    if let VerifyError::Envelope(EnvelopeError::BadSignature) = error
        && let Some(also) = what_else(receipt)
    {
        detail = format!("{detail}. Besides, {also}");
    }
    let before = STEPS.iter().take_while(|step| **step != place);
    let mut checks: Vec<_> = before.map(|step| check(step, State::Passed, "")).collect();
    checks.push(failed(place, detail));
    let after = STEPS.iter().skip(checks.len());
    let not_reached = |name| check(name, State::Skipped, "not looked at");
    checks.extend(after.copied().chain([PRICES, LOG]).map(not_reached));
    checks
}

/// Where a receipt whose signature does not fit contradicts itself: a hint at what was changed.
fn what_else(receipt: &[u8]) -> Option<String> {
    let envelope = Envelope::from_bytes(receipt).ok()?;
    match envelope.document_unverified::<Receipt>() {
        Ok(receipt) => {
            let wrong = check_reproducible(receipt.reproducible(), None).err()?;
            Some(told(&wrong))
        }
        Err(wrong) => Some(told(&wrong)),
    }
}

fn signature_row(verified: &Verified) -> Check {
    match verified.signer {
        Signer::Trusted(key) => check(
            SIGNATURE,
            State::Passed,
            format!("signed by the given key, {key}"),
        ),
        Signer::Unknown(key) => check(
            SIGNATURE,
            State::Skipped,
            format!(
                "the signature fits the key inside the receipt, {key}, which may be anybody's: give the provider's key"
            ),
        ),
    }
}

fn prices_row(card: &str, verified: &Verified) -> Check {
    let part = verified.receipt.reproducible();
    let text = match card {
        "" => {
            let digest = part.rate_card;
            let detail = format!("not compared: give the rate card {digest}");
            return check(PRICES, State::Skipped, detail);
        }
        "default" => DEFAULT_CARD,
        text => text,
    };
    let card = match RateCard::from_toml(text) {
        Ok(card) => card,
        Err(error) => {
            let hint = error
                .hint()
                .map_or(String::new(), |hint| format!(" ({hint})"));
            return failed(
                PRICES,
                format!("the rate card cannot be read: {}{hint}", told(&error)),
            );
        }
    };
    match check_reproducible(part, Some(&card)) {
        Ok(()) => check(
            PRICES,
            State::Passed,
            format!("those of the rate card `{}`", card.id()),
        ),
        Err(error) => failed(PRICES, told(&error)),
    }
}

fn log_row(proof: &str, key: Option<&PublicKey>, verified: &Verified) -> Check {
    let key = match (proof, key) {
        ("", _) => {
            return check(
                LOG,
                State::Skipped,
                "no proof was given that the receipt is in the provider's log",
            );
        }
        (_, None) => {
            return check(
                LOG,
                State::Skipped,
                "not looked at: a log is believed by the provider's key only",
            );
        }
        (_, Some(key)) => *key,
    };
    let file: InclusionFile = match proof.parse() {
        Ok(file) => file,
        Err(error) => return failed(LOG, format!("the proof cannot be read: {}", told(&error))),
    };
    match check_receipt(&file, verified, &Trust::key(key)) {
        Err(error) => failed(LOG, told(&error)),
        Ok(included) => {
            let checkpoint = included.log.checkpoint;
            let detail = format!(
                "number {} in the log `{}`, which has {} receipts",
                included.index, checkpoint.origin, checkpoint.head.size
            );
            check(LOG, State::Passed, detail)
        }
    }
}

#[cfg(test)]
mod tests;
