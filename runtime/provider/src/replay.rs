//! Runs a receipted job again, from nothing but what its order names, and compares. Signs nothing,
//! records nothing, and trusts nobody: not the receipt, not a cache.

use std::sync::Arc;

use meterbox_billing::canonical::CanonicalError;
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::Document;
use meterbox_billing::order::Order;
use meterbox_billing::outcome::Outcome;
use meterbox_billing::rate_card::RateCard;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::verify::{Difference, compare};
use meterbox_meter::meter_with;
use meterbox_sandbox::{Nobody, Sandbox, Stop};

use crate::ProviderError;
use crate::lifecycle::execute;
use crate::material::Material;
use crate::measure;

/// What a replay came to.
#[derive(Debug)]
pub enum Verdict {
    /// Everything was computed again, models included, and came out the same byte for byte.
    RecomputedAll,
    /// The receipt says something else than what came out, and this is the first field.
    Differs(Difference),
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
    /// The job was stopped, so where it ended was somebody's decision.
    #[error("the job was stopped: running it again does not show where it was then")]
    Stopped,
    /// The job could not be run again.
    #[error("the job could not be run again")]
    Run(#[from] ProviderError),
    /// A document cannot be digested.
    #[error("a document cannot be digested")]
    Canonical(#[from] CanonicalError),
}

/// Runs the order again, and compares `reproducible` byte for byte. The
/// receipt's signature is not looked at: that is for `verify`.
///
/// # Errors
/// If the receipt is not of this order and card, or the job cannot be run here.
pub fn replay(
    receipt: &Receipt,
    order: &Order,
    material: &Material,
    card: &RateCard,
    sandbox: &Sandbox,
) -> Result<Verdict, ReplayError> {
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
    let nobody = Arc::new(Nobody);
    let again = execute(
        sandbox,
        &program,
        order,
        material,
        card,
        nobody,
        &Stop::new(),
    )?;
    let (theirs, ours) = (receipt.reproducible(), &again.reproducible);
    if theirs.bytes()? == ours.bytes()? {
        return Ok(Verdict::RecomputedAll);
    }
    match compare(theirs, ours)? {
        Some(difference) => Ok(Verdict::Differs(difference)),
        None => Ok(Verdict::RecomputedAll),
    }
}
