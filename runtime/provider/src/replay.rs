//! Runs a receipted job again, from nothing but what its order names, and compares. Signs nothing,
//! records nothing, and trusts nobody: not the receipt, not a cache, and of a transcript no more than its
//! verdict says.

mod playback;

use std::sync::Arc;

use meterbox_billing::audit::AuditSecret;
use meterbox_billing::canonical::CanonicalError;
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::Document;
use meterbox_billing::order::Order;
use meterbox_billing::outcome::Outcome;
use meterbox_billing::rate_card::RateCard;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::verify::{Difference, compare, compare_transcripts};
use meterbox_meter::meter_with;
use meterbox_sandbox::{Nobody, Program, Sandbox, Stop};

use self::playback::{Playback, Seen};
use crate::ProviderError;
use crate::agreement::{Disagreement, Tolerance};
use crate::bundle::Recorded;
use crate::execution::{Running, execute};
use crate::material::Material;
use crate::measure;

/// What a replay came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Everything was computed again, models included, and came out the same.
    RecomputedAll {
        /// How many calls of models that was.
        calls: u64,
    },
    /// Everything came out the same. Of the models' calls these were computed again, and agree; what the others
    /// gave was taken from the transcript.
    Recomputed {
        /// Their numbers, ascending.
        calls: Vec<u64>,
        /// Of how many.
        of: u64,
    },
    /// Everything came out the same that is around the models; what they gave was taken from the transcript,
    /// which whoever made it could have invented.
    TranscriptTrusted {
        /// How many calls were taken from it.
        calls: u64,
    },
    /// The receipt says something else than what came out, and this is the first field.
    Differs(Difference),
    /// A call that was computed again gave something else than the transcript says.
    CallDiffers(CallDifference),
}

/// A call that gave something else when it was computed again.
#[derive(Debug, Clone, PartialEq)]
pub struct CallDifference {
    /// Its number, from 0.
    pub call: u64,
    /// The model.
    pub model: Digest,
    /// In which way.
    pub disagreement: Disagreement,
}

/// Which calls of a transcript are computed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recompute {
    /// None.
    None,
    /// Those with these numbers.
    These(Vec<u64>),
    /// All.
    All,
}

/// How a replay comes to what models give.
#[derive(Debug, Clone, Copy)]
pub enum Answers<'a> {
    /// By computing them, whatever the transcript says: byte for byte or not at all.
    Computed,
    /// From a transcript, and some are computed again, to be compared.
    Recorded {
        /// The transcript.
        recorded: &'a Arc<Recorded>,
        /// Which are computed again.
        recompute: &'a Recompute,
        /// How far they may be apart.
        tolerance: Tolerance,
    },
}

/// Why a replay came to no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The receipt is of another order.
    #[error("the receipt is of the order {receipt}, not of {order}")]
    OtherOrder {
        /// The order that the receipt names.
        receipt: Digest,
        /// The order that was given.
        order: Digest,
    },
    /// The rate card is another one.
    #[error("the receipt was priced by the rate card {receipt}, not by {card}")]
    OtherCard {
        /// The card that the receipt names.
        receipt: Digest,
        /// The card that was given.
        card: Digest,
    },
    /// The transcript is another one.
    #[error("the transcript has the digest {found}, the receipt names {receipt}")]
    OtherTranscript {
        /// The transcript that the receipt names.
        receipt: Digest,
        /// The transcript that was given.
        found: Digest,
    },
    /// The secret is not the one that the order commits to.
    #[error("the secret has the commitment {found}, the order carries {order}")]
    OtherSecret {
        /// The commitment that the order carries.
        order: Digest,
        /// That of the secret that was given.
        found: Digest,
    },
    /// The job was stopped, so where it ended was somebody's decision.
    #[error("the job was stopped: running it again does not show where it was then")]
    Stopped,
    /// The transcript's file failed while it was used.
    #[error("the transcript could not be used to its end: {0}")]
    Transcript(String),
    /// The job could not be run again.
    #[error("the job could not be run again")]
    Run(#[from] ProviderError),
    /// A document cannot be digested.
    #[error("a document cannot be digested")]
    Canonical(#[from] CanonicalError),
}

/// The calls that a requestor's secret chooses of a receipt's, once it is the secret that the order commits to.
///
/// # Errors
/// If it is another one.
pub fn chosen_calls(
    order: &Order,
    secret: &AuditSecret,
    receipt: &Digest,
    calls: u64,
    count: u64,
) -> Result<Recompute, ReplayError> {
    let found = secret.commitment();
    if found != order.audit_commitment {
        return Err(ReplayError::OtherSecret {
            order: order.audit_commitment,
            found,
        });
    }
    Ok(Recompute::These(secret.choose(receipt, calls, count)))
}

/// A receipted job that is ready to be run again, as often as there are questions.
pub struct Replay<'r> {
    receipt: &'r Receipt,
    order: &'r Order,
    material: &'r Material,
    card: &'r RateCard,
    sandbox: &'r Sandbox,
    program: Arc<Program>,
}

impl<'r> Replay<'r> {
    /// Checks that all is the receipt's, and compiles its program. The receipt's signature is not looked at:
    /// that is for `verify`.
    ///
    /// # Errors
    /// If the receipt is not of this order and card, or the job cannot be run here.
    pub fn prepare(
        receipt: &'r Receipt,
        order: &'r Order,
        material: &'r Material,
        card: &'r RateCard,
        sandbox: &'r Sandbox,
    ) -> Result<Replay<'r>, ReplayError> {
        let (named, given) = (receipt.attested().order, order.digest()?);
        if named != given {
            return Err(ReplayError::OtherOrder {
                receipt: named,
                order: given,
            });
        }
        let (named, given) = (
            receipt.reproducible().rate_card,
            card.digest().map_err(ProviderError::from)?,
        );
        if named != given {
            return Err(ReplayError::OtherCard {
                receipt: named,
                card: given,
            });
        }
        if let Outcome::Stopped { .. } = receipt.reproducible().outcome {
            return Err(ReplayError::Stopped);
        }
        material.check(&order.job).map_err(ProviderError::from)?;
        material.check_contents().map_err(ProviderError::from)?;
        let metered = meter_with(&material.program, &measure::options(&order.limits))
            .map_err(ProviderError::from)?;
        let program = sandbox.compile(metered).map_err(ProviderError::from)?;
        Ok(Replay {
            receipt,
            order,
            material,
            card,
            sandbox,
            program: Arc::new(program),
        })
    }

    /// Runs the job again, and compares `reproducible` byte for byte.
    ///
    /// # Errors
    /// If the job cannot be run here, or the transcript is not the receipt's.
    pub fn run(&self, answers: &Answers<'_>) -> Result<Verdict, ReplayError> {
        match *answers {
            Answers::Computed => self.compute(),
            Answers::Recorded {
                recorded,
                recompute,
                tolerance,
            } => self.play_back(recorded, recompute, tolerance),
        }
    }

    fn compute(&self) -> Result<Verdict, ReplayError> {
        let again = execute(&self.running(), Arc::new(Nobody), None, &Stop::new())?;
        let calls = u64::try_from(again.ran.transcript.len()).unwrap_or(u64::MAX);
        self.compared(&again.reproducible, Verdict::RecomputedAll { calls })
    }

    fn play_back(
        &self,
        recorded: &Arc<Recorded>,
        recompute: &Recompute,
        tolerance: Tolerance,
    ) -> Result<Verdict, ReplayError> {
        let named = self.receipt.reproducible().transcript;
        if recorded.digest() != named {
            return Err(ReplayError::OtherTranscript {
                receipt: named,
                found: recorded.digest(),
            });
        }
        let playback = Arc::new(Playback::new(recorded, recompute, tolerance));
        let again = execute(
            &self.running(),
            Arc::new(Nobody),
            Some(Arc::clone(&playback) as _),
            &Stop::new(),
        );
        // A run that was ended for what was seen has no other result.
        match playback.seen() {
            Some(Seen::Field(difference)) => return Ok(Verdict::Differs(difference)),
            Some(Seen::Call(difference)) => return Ok(Verdict::CallDiffers(difference)),
            Some(Seen::Broken(reason)) => return Err(ReplayError::Transcript(reason)),
            None => {}
        }
        let again = again?;
        let transcript = measure::transcript(&again.ran.transcript);
        if let Some(difference) = compare_transcripts(recorded.transcript(), &transcript)? {
            return Ok(Verdict::Differs(difference));
        }
        self.compared(&again.reproducible, verdict(recorded.calls(), recompute))
    }

    fn running(&self) -> Running<'_> {
        Running {
            sandbox: self.sandbox,
            program: &self.program,
            order: self.order,
            material: self.material,
            card: self.card,
            is_replay: true,
        }
    }

    /// The verdict, if what came out is what the receipt says.
    fn compared(
        &self,
        ours: &meterbox_billing::receipt::Reproducible,
        verdict: Verdict,
    ) -> Result<Verdict, ReplayError> {
        let theirs = self.receipt.reproducible();
        if theirs.bytes()? == ours.bytes()? {
            return Ok(verdict);
        }
        Ok(compare(theirs, ours)?.map_or(verdict, Verdict::Differs))
    }
}

/// What a replay has proved that found no difference, of so many calls.
fn verdict(of: u64, recompute: &Recompute) -> Verdict {
    let mut calls = match recompute {
        Recompute::All => return Verdict::RecomputedAll { calls: of },
        Recompute::None => Vec::new(),
        Recompute::These(calls) => calls.clone(),
    };
    calls.retain(|call| *call < of);
    calls.sort_unstable();
    calls.dedup();
    match u64::try_from(calls.len()) {
        Ok(count) if count == of => Verdict::RecomputedAll { calls: of },
        Ok(0) => Verdict::TranscriptTrusted { calls: of },
        _ => Verdict::Recomputed { calls, of },
    }
}

#[cfg(test)]
mod tests;
