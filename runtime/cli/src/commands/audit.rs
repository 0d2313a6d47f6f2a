//! `meterbox audit`: how much of a receipt to check. Checks nothing.

use clap::{Args, Subcommand};
use meterbox_billing::audit::plan::{Stakes, plan};
use meterbox_billing::money::Amount;
use serde_json::json;

use super::Format;
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::grouped;
use crate::ui;

/// Say how much of a receipt to check.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    Plan(PlanArguments),
}

/// Say how many calls of models to compute again so that forging them does not pay.
///
/// The provider gains if it is not caught, and loses its deposit if it is: the answer is the fewest calls with
/// which it can expect to gain nothing. Forging fewer calls than --forged gains less, and is found less often:
/// name the fewest that are worth something.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  A job asked a model 200 times. By inventing 4 of the answers its provider could bill 0.30 more, and it\n  has a deposit of 2.70:\n\n  meterbox audit plan --calls 200 --forged 4 --deposit 2.70 --gain 0.30\n  recompute 6 of 200: of 4 forged calls, at least one is among them with a probability of 0.115538\n\n  With 5 calls it would be 0.097015, which is less than the tenth from which on forging does not pay."
)]
pub struct PlanArguments {
    /// How many calls the job made: `meterbox transcript show` says it
    #[arg(long, value_name = "N")]
    calls: u64,

    /// How many of them would have to be forged for the gain
    #[arg(long, value_name = "N", default_value = "1")]
    forged: u64,

    /// What the provider loses if it is caught
    #[arg(long, value_name = "AMOUNT")]
    deposit: Amount,

    /// What it gains if it is not
    #[arg(long, value_name = "AMOUNT")]
    gain: Amount,

    /// How to print the plan
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Plans.
pub fn run(command: &AuditCommand) -> Ended {
    let AuditCommand::Plan(arguments) = command;
    let stakes = Stakes {
        calls: arguments.calls,
        forged: arguments.forged,
        deposit: arguments.deposit,
        gain: arguments.gain,
    };
    let plan = plan(&stakes)
        .map_err(|error| Failure::caused(Exit::Usage, "there is no such plan", &error))?;
    let (whole, part) = (
        plan.caught_millionths / 1_000_000,
        plan.caught_millionths % 1_000_000,
    );
    let probability = format!("{whole}.{part:06}");
    let (recomputed, calls) = (plan.recomputed.to_string(), stakes.calls.to_string());
    ui::print(&match arguments.format {
        Format::Json => format!(
            "{:#}\n",
            json!({
                "schema": 1,
                "recompute": recomputed,
                "calls": calls,
                "forged": stakes.forged.to_string(),
                "caught_probability": probability,
            })
        ),
        Format::Text => format!(
            "recompute {} of {}: of {} forged calls, at least one is among them with a probability of {probability}\n",
            grouped(&recomputed),
            grouped(&calls),
            grouped(&stakes.forged.to_string()),
        ),
    })?;
    Ok(Exit::Ok)
}
