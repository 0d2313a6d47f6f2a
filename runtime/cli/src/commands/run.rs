//! `meterbox run`: runs a job under an order, prints what it used and cost, and keeps the receipt.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use meterbox_billing::envelope::{Envelope, EnvelopeError};
use meterbox_billing::job::Job;
use meterbox_billing::money::Amount;
use meterbox_billing::order::Order;
use meterbox_billing::outcome::Outcome;
use meterbox_billing::text::Id;
use meterbox_billing::transcript::Transcript;
use meterbox_provider::{
    BundleWriter, Completed, Host, KeepTranscripts, Policy, Provider, Transcripts,
};
use meterbox_sandbox::Output;

use super::transcript::copy_transcript;
use super::{Format, OptLevelFlag};
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, Role, read_audit_secret, write_file};
use crate::ordering::{JobArguments, ORDER_SECONDS, Request, after, now, sign_order};
use crate::ui::{self, Ui, Watcher};
use crate::workers::{self, Place};
use crate::{rates, report};

/// Run a job, and print what it used and what that costs.
///
/// A program that is a WASI command has its standard input, output and error passed through; its
/// report goes to --report.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox run job.toml --input photo=cat.png --out results --receipt receipt.json\n  echo hello | meterbox run cat.wasm --report report.json"
)]
pub struct RunArguments {
    #[command(flatten)]
    job: JobArguments,

    /// Write the job's outputs to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Write the signed receipt to this file
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Write the signed order to this file: whoever replays the receipt elsewhere needs it
    #[arg(long, value_name = "FILE")]
    order: Option<PathBuf>,

    /// Write the signed offer to this file
    #[arg(long, value_name = "FILE")]
    offer: Option<PathBuf>,

    /// Price by this rate card [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    rate_card: Option<PathBuf>,

    /// Refuse the job if it could cost more [default: what its limits come to]
    #[arg(long, value_name = "AMOUNT")]
    max_price: Option<Amount>,

    /// Order under this id; the same order again gets the same receipt
    #[arg(long, value_name = "ID")]
    order_id: Option<Id>,

    /// Write the transcript of the job's calls on models, with all that they gave, to this file
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,

    /// Keep the transcript here for so many days
    #[arg(long, value_name = "DAYS", default_value = "30")]
    keep_transcript: u64,

    /// Commit the order to the secret in this file, 64 hexadecimal digits [default: a new one, which is kept]
    #[arg(long, value_name = "FILE")]
    audit_secret: Option<PathBuf>,

    /// How hard the compiler tries; never visible in the bill
    #[arg(long, value_enum, default_value = "speed")]
    opt_level: OptLevelFlag,

    #[command(flatten)]
    place: Place,

    /// How to print the report
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    ledger_wait: u64,

    /// Go by the clock, though the ledger was told a later time before: when it was wrong then
    #[arg(long)]
    trust_clock: bool,

    /// Refuse requestors that were granted no budget
    #[arg(long)]
    budget_required: bool,
}

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Runs the job.
pub fn run(arguments: &RunArguments, home: Option<&Path>, ui: &Ui) -> Ended {
    let home = Home::find(home)?;
    let mut request = Request::read(&arguments.job)?;
    request.max_price = arguments.max_price.or(request.max_price);
    let card = rates::card(arguments.rate_card.as_deref())?;
    let provider_key = key(&home, Role::Provider, ui)?;
    let requestor_key = key(&home, Role::Requestor, ui)?;
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    }
    let sandbox = arguments.place.sandbox(arguments.opt_level.into(), &home)?;
    let transcripts = home.transcripts();
    // The job is read before the ledger is taken: reading may take as long as somebody types.
    let (job, material) = request.stage(&home.store()?)?;
    let ledger = home
        .ledger(Duration::from_secs(arguments.ledger_wait))?
        .with_policy(meterbox_provider::ledger::Policy {
            budget_required: arguments.budget_required,
            trust_clock: arguments.trust_clock,
            ..Default::default()
        });
    let recovered = ledger.recovered().len();
    if recovered > 0 {
        ui.say(&format!(
            "note: {recovered} order(s) that a crash interrupted were released, and are not billed"
        ));
    }
    let known = match &arguments.order_id {
        Some(id) => ledger.order(id)?,
        None => None,
    };
    let host = Host {
        device: device(),
        now,
    };
    let known = known
        .map(|known| same_order(&known, &job, &request))
        .transpose()?
        .flatten();
    // An order that was interrupted answers the offer of then, which is made again.
    let offer_expires_at = match &known {
        Some((_, order)) => order.expires_at,
        None => after(now(), ORDER_SECONDS),
    };
    let provider = Provider::new(
        provider_key,
        card,
        &Policy::default(),
        ledger,
        host,
        sandbox,
        offer_expires_at,
    )?
    .keeping(KeepTranscripts {
        transcripts: transcripts.clone(),
        seconds: arguments.keep_transcript.saturating_mul(DAY_SECONDS),
    });

    let quote = provider.quote(&request.program, &request.limits)?;
    let order = match known {
        Some((order, _)) => order,
        None => sign_order(
            &request,
            job,
            arguments.order_id.as_ref(),
            provider.offer(),
            quote.ceiling,
            &requestor_key,
            &match &arguments.audit_secret {
                Some(path) => read_audit_secret(path)?,
                None => home.new_audit_secret()?,
            },
        )?,
    };
    let envelope_bytes = |envelope: &meterbox_billing::envelope::Envelope| {
        envelope
            .to_bytes()
            .map_err(|error| Failure::caused(Exit::Fault, "a document cannot be written", &error))
    };
    if let Some(path) = &arguments.offer {
        write_file(path, &envelope_bytes(&provider.signed_offer()?)?)?;
    }
    if let Some(path) = &arguments.order {
        write_file(path, &envelope_bytes(&order)?)?;
    }

    let watcher = Arc::new(Watcher::new(ui, request.is_command));
    let mut completed = provider.run(&order, &material, watcher, &workers::stop_on_interrupt())?;
    // The job is billed: whatever cannot be written now, everything else still is.
    let mut written = Vec::new();
    if let Some(folder) = &arguments.out {
        written.push(write_outputs(&mut completed, folder));
    }
    if let Some(path) = &arguments.receipt {
        written.push(envelope_bytes(&completed.receipt).and_then(|bytes| write_file(path, &bytes)));
    }
    if let Some(path) = &arguments.transcript {
        written.push(write_transcript(&completed, &transcripts, path));
    }
    written.push(
        transcripts
            .drop_ended(now())
            .map(drop)
            .map_err(Failure::from),
    );
    written.push(print(arguments, &request, &completed, ui));
    match written.into_iter().find_map(Result::err) {
        None => Ok(report::exit_of(&completed.document.reproducible().outcome)),
        Some(failure) => {
            let id = &completed.document.attested().order_id;
            Err(failure.hint(format!(
                "the job is billed all the same; its receipt is in the ledger: `meterbox ledger receipt {id}`"
            )))
        }
    }
}

/// The order of this id as it is in the ledger, if it is of the same job under the same limits.
fn same_order(
    known: &[u8],
    job: &Job,
    request: &Request,
) -> Result<Option<(Envelope, Order)>, Failure> {
    let unreadable = |error: EnvelopeError| {
        Failure::caused(Exit::Ledger, "the ledger's order cannot be read", &error)
    };
    let envelope = Envelope::from_bytes(known).map_err(unreadable)?;
    let order: Order = envelope.document_unverified().map_err(unreadable)?;
    let is_same = order.job == *job
        && order.limits == request.limits
        && request.device.is_none_or(|device| device == order.device);
    Ok(is_same.then_some((envelope, order)))
}

fn print(
    arguments: &RunArguments,
    request: &Request,
    completed: &Completed,
    ui: &Ui,
) -> Result<(), Failure> {
    let json = report::json(completed)?;
    let json = format!("{json:#}\n");
    if let Some(path) = &arguments.report {
        write_file(path, json.as_bytes())?;
    }
    let part = completed.document.reproducible();
    if request.is_command {
        if part.outcome != Outcome::OK {
            ui.say(&format!("meterbox: {}", report::outcome(&part.outcome)));
        }
    } else if arguments.format == Format::Json {
        ui::print(&json)?;
    } else {
        ui::print(&report::text(completed))?;
    }
    if completed.is_repeat {
        ui.say("note: this order was done before: this is its receipt again");
    }
    if let Outcome::Limit { which } = &part.outcome {
        let flag = if which.as_str() == "memory_bytes" {
            "memory".into()
        } else {
            which.to_string().replace('_', "-")
        };
        ui.say(&format!(
            "hint: raise the limit with --limit-{flag}, or lower what the job does"
        ));
    } else if completed.memory_refusals > 0 {
        ui.say("hint: the job asked for more memory than its limit: raise it with --limit-memory");
    }
    let is_job = !request.is_command && !part.outputs.is_empty();
    if is_job && arguments.out.is_none() && !completed.is_repeat {
        ui.say("hint: the outputs were not kept: give --out DIR");
    }
    Ok(())
}

/// Writes every output that can be written, and gives the first failure.
fn write_outputs(completed: &mut Completed, folder: &Path) -> Result<(), Failure> {
    let mut first = Ok(());
    for output in &mut completed.outputs {
        let written = write_output(output, &folder.join(&output.name));
        if first.is_ok() {
            first = written;
        }
    }
    first
}

/// Writes the transcript of a job, which is kept if it called a model.
fn write_transcript(
    completed: &Completed,
    transcripts: &Transcripts,
    path: &Path,
) -> Result<(), Failure> {
    let part = completed.document.reproducible();
    let without_calls = Transcript::default();
    let is_without_calls = without_calls
        .digest()
        .is_ok_and(|digest| digest == part.transcript);
    if is_without_calls {
        let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
        let writer = BundleWriter::new(folder.unwrap_or(Path::new(".")));
        return Ok(writer.finish(&without_calls, path)?);
    }
    let kept = transcripts
        .find(&completed.document.attested().order)?
        .ok_or_else(|| Failure::new(Exit::File, "the job's transcript is not kept any more"))?;
    copy_transcript(&kept, &part.transcript, path)
}

fn write_output(output: &mut Output, path: &Path) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(path);
    let write = |output: &mut Output| -> std::io::Result<()> {
        std::fs::create_dir_all(parent)?;
        let mut file = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o644))
            .tempfile_in(parent)?;
        output.copy_to(&mut file)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write(output).map_err(|error| Failure::writing(path, &error))
}

/// The key of this role, made if there is none.
fn key(home: &Home, role: Role, ui: &Ui) -> Result<meterbox_billing::key::SigningKey, Failure> {
    if let Some(key) = home.key(role)? {
        return Ok(key);
    }
    let key = home.new_key(role)?;
    ui.say(&format!("note: made a key for the {role:?}").to_lowercase());
    Ok(key)
}

/// The processor's name, if the system tells.
fn device() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':')
        .map(|(_, name)| name.trim().to_string())
}
