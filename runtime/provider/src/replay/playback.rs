//! Gives a run the answers of a transcript, and looks at what it asks. Decides no verdict.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use meterbox_billing::digest::Digest;
use meterbox_billing::transcript::{Call, CallFailure};
use meterbox_billing::verify::Difference;
use meterbox_inference::Tensor;
use meterbox_sandbox::{Calls, Computes, EndRun, Given, ModelCall, NnCode, Plan, tensor_digest};

use super::{CallDifference, Recompute};
use crate::agreement::{Tolerance, disagreement};
use crate::bundle::{BundleError, Recorded};

/// Why a run was ended.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// It is not the run that the transcript is of.
    Field(Difference),
    /// A call does not give what the transcript says.
    Call(CallDifference),
    /// The transcript's file failed.
    Broken(String),
}

/// A transcript that is played back.
pub(super) struct Playback {
    recorded: Arc<Recorded>,
    recompute: Wanted,
    tolerance: Tolerance,
    seen: Mutex<Option<Seen>>,
}

enum Wanted {
    All,
    These(BTreeSet<u64>),
}

impl Playback {
    pub(super) fn new(
        recorded: &Arc<Recorded>,
        recompute: &Recompute,
        tolerance: Tolerance,
    ) -> Playback {
        let recompute = match recompute {
            Recompute::All => Wanted::All,
            Recompute::None => Wanted::These(BTreeSet::new()),
            Recompute::These(calls) => Wanted::These(calls.iter().copied().collect()),
        };
        Playback {
            recorded: Arc::clone(recorded),
            recompute,
            tolerance,
            seen: Mutex::default(),
        }
    }

    /// Why it has ended the run, if it has.
    pub(super) fn seen(&self) -> Option<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends the run, and keeps why.
    fn end(&self, seen: Seen) -> EndRun {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        EndRun("the transcript is not of this run".into())
    }

    fn is_wanted(&self, call: u64) -> bool {
        match &self.recompute {
            Wanted::All => true,
            Wanted::These(calls) => calls.contains(&call),
        }
    }

    /// What the transcript says that a call gave.
    fn given(&self, call: &Call) -> Result<Given, BundleError> {
        if let Some(failure) = call.failed {
            return Ok(Err(code(failure)));
        }
        let outputs = call.outputs.iter();
        outputs
            .map(|output| {
                let tensor = self.recorded.tensor(&output.sha256)?;
                Ok((output.name.clone(), tensor))
            })
            .collect::<Result<_, _>>()
            .map(Ok)
    }
}

impl Calls for Playback {
    fn computes(&self) -> Computes {
        match &self.recompute {
            Wanted::All => Computes::All,
            Wanted::These(calls) if calls.is_empty() => Computes::None,
            Wanted::These(_) => Computes::Some,
        }
    }

    fn plan(&self, asked: &ModelCall<'_>, inputs: &[(String, Tensor)]) -> Result<Plan, EndRun> {
        let at = usize::try_from(asked.number).unwrap_or(usize::MAX);
        let field = |difference| self.end(Seen::Field(difference));
        let Some(call) = self.recorded.transcript().calls.get(at) else {
            let model = Digest::from_bytes(asked.model);
            return Err(field(Difference {
                field: format!("transcript.calls[{at}]"),
                ours: "nothing".into(),
                theirs: format!("a call of the model {model}"),
            }));
        };
        if let Some(difference) = other_call(at, call, asked, inputs) {
            return Err(field(difference));
        }
        let given = self
            .given(call)
            .map_err(|error| self.end(Seen::Broken(error.to_string())))?;
        if let Some(difference) = impossible(at, call, asked, inputs, &given) {
            return Err(field(difference));
        }
        Ok(if self.is_wanted(asked.number) {
            Plan::Compare(given)
        } else {
            Plan::Give(given)
        })
    }

    fn compared(
        &self,
        asked: &ModelCall<'_>,
        given: &Given,
        computed: &Given,
    ) -> Result<(), EndRun> {
        match disagreement(given, computed, &self.tolerance) {
            None => Ok(()),
            Some(disagreement) => Err(self.end(Seen::Call(CallDifference {
                call: asked.number,
                model: Digest::from_bytes(asked.model),
                disagreement,
            }))),
        }
    }
}

/// The first field in which a call is another one than the transcript's: the model, or an input.
fn other_call(
    at: usize,
    call: &Call,
    asked: &ModelCall<'_>,
    inputs: &[(String, Tensor)],
) -> Option<Difference> {
    let model = Digest::from_bytes(asked.model);
    if call.model != model {
        return Some(Difference {
            field: format!("transcript.calls[{at}].model"),
            ours: call.model.to_string(),
            theirs: model.to_string(),
        });
    }
    for index in 0..call.inputs.len().max(inputs.len()) {
        let ours = call.inputs.get(index);
        let theirs = inputs.get(index);
        let digest = theirs.map(|(_, tensor)| Digest::from_bytes(tensor_digest(tensor)));
        let is_same = ours.map(|input| (&input.name, input.sha256))
            == theirs.map(|(name, _)| name).zip(digest);
        if !is_same {
            let shown = |name: Option<&String>, digest: Option<Digest>| match name.zip(digest) {
                None => "nothing".to_owned(),
                Some((name, digest)) => format!("`{name}` {digest}"),
            };
            return Some(Difference {
                field: format!("transcript.calls[{at}].inputs[{index}]"),
                ours: shown(
                    ours.map(|input| &input.name),
                    ours.map(|input| input.sha256),
                ),
                theirs: shown(theirs.map(|(name, _)| name), digest),
            });
        }
    }
    None
}

/// The first field in which what the transcript says is nothing that the model can give, whatever it computes:
/// outputs of other names, or with more bytes than were charged.
fn impossible(
    at: usize,
    call: &Call,
    asked: &ModelCall<'_>,
    inputs: &[(String, Tensor)],
    given: &Given,
) -> Option<Difference> {
    let outputs = given.as_ref().ok()?;
    let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    if names != asked.outputs {
        return Some(Difference {
            field: format!("transcript.calls[{at}].outputs"),
            ours: names.join(", "),
            theirs: asked.outputs.join(", "),
        });
    }
    let tensors = inputs.iter().chain(outputs);
    let bytes: u128 = tensors
        .map(|(_, tensor)| u128::try_from(tensor.data().len()).unwrap_or(u128::MAX))
        .sum();
    (bytes > call.tensor_bytes).then(|| Difference {
        field: format!("transcript.calls[{at}].tensor_bytes"),
        ours: call.tensor_bytes.to_string(),
        theirs: bytes.to_string(),
    })
}

const fn code(failure: CallFailure) -> NnCode {
    match failure {
        CallFailure::InvalidArgument => NnCode::InvalidArgument,
        CallFailure::InvalidEncoding => NnCode::InvalidEncoding,
        CallFailure::RuntimeError => NnCode::RuntimeError,
        CallFailure::UnsupportedOperation => NnCode::UnsupportedOperation,
        CallFailure::TooLarge => NnCode::TooLarge,
        CallFailure::NotFound => NnCode::NotFound,
    }
}
