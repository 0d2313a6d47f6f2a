//! `meterbox log`: signs how many receipts there are, and proves that one is among them and that none went missing.
//! Proofs are checked offline.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::Envelope;
use meterbox_billing::verify::verify;
use meterbox_log::check::{CheckError, check_consistency, check_receipt};
use meterbox_log::checkpoint::{SignedCheckpoint, Trust};
use meterbox_log::note::{Name, VerifierKey};
use meterbox_log::proof_file::ProofFile;
use meterbox_log::prove::{ProveError, Which, checkpoint, prove, prove_growth};
use meterbox_provider::ledger::Reader;
use serde_json::json;

use super::Format;
use super::receipt::{invalid, key_of, read};
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, Role, write_file};
use crate::program::read_at_most;
use crate::ui;

/// A proof has a digest for each level of the tree, and a checkpoint.
const PROOF_BYTES_MAX: u64 = 1 << 20;

/// Sign how many receipts there are, and prove that one is among them and that none went missing.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    Checkpoint(CheckpointArguments),
    Prove(ProveArguments),
    Check(CheckArguments),
}

/// Sign the number of all receipts so far, and the root of their Merkle tree.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox log checkpoint --origin provider.example/meterbox > checkpoint.txt"
)]
pub struct CheckpointArguments {
    /// What the log is called: the same for ever, and no other log's, such as a domain and a path
    #[arg(long, value_name = "NAME")]
    origin: Name,

    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// How long to wait for another process to let go of the ledger
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    ledger_wait: u64,
}

/// Prove that a receipt is in the log, or that the log only grew since an older checkpoint.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox log prove receipt.json --out receipt.tlog-proof\n  meterbox log prove --since old-checkpoint.txt --out growth.proof"
)]
pub struct ProveArguments {
    /// The receipt
    #[arg(required_unless_present_any = ["index", "since"])]
    receipt: Option<PathBuf>,

    /// The receipt's number
    #[arg(long, value_name = "N", conflicts_with = "receipt")]
    index: Option<u64>,

    /// The older checkpoint
    #[arg(long, value_name = "FILE", conflicts_with_all = ["receipt", "index"])]
    since: Option<PathBuf>,

    /// The checkpoint to prove it to [default: the last one that was made]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Check a proof, offline.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox log check receipt.tlog-proof --receipt receipt.json --key $(meterbox key show)\n  meterbox log check growth.proof --since old-checkpoint.txt --key provider.pem"
)]
pub struct CheckArguments {
    /// The proof
    file: PathBuf,

    /// The receipt that it is about
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    /// The older checkpoint, for a proof that the log only grew
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,

    /// What the log has to be called [default: any name, under which the key signs]
    #[arg(long, value_name = "NAME")]
    origin: Option<Name>,

    /// The provider's key: 64 hexadecimal digits, or a PEM file
    #[arg(long, value_name = "KEY|FILE")]
    key: String,

    /// A witness whose signature counts; repeatable
    #[arg(long = "witness", value_name = "NAME+ID+KEY")]
    witness: Vec<VerifierKey>,

    /// How many witnesses have to have signed
    #[arg(long, value_name = "N", default_value = "0")]
    witnesses: usize,

    /// How to print the verdict
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Signs, proves or checks.
pub fn run(command: &LogCommand, home: Option<&Path>) -> Ended {
    match command {
        LogCommand::Checkpoint(arguments) => sign(arguments, &Home::find(home)?),
        LogCommand::Prove(arguments) => make(arguments, &Home::find(home)?),
        LogCommand::Check(arguments) => check(arguments),
    }
}

fn digests(reader: &Reader) -> Result<Vec<Digest>, Failure> {
    Ok(reader.receipt_digests(0)?.collect::<Result<_, _>>()?)
}

fn put(out: Option<&Path>, text: &str) -> Ended {
    match out {
        Some(path) => write_file(path, text.as_bytes())?,
        None => ui::print(text)?,
    }
    Ok(Exit::Ok)
}

fn sign(arguments: &CheckpointArguments, home: &Home) -> Ended {
    let key = home.key(Role::Provider)?.ok_or_else(|| {
        Failure::new(Exit::File, "there is no provider's key here")
            .hint("run a job first, or name another folder with --home")
    })?;
    let mut ledger = home.ledger(Duration::from_secs(arguments.ledger_wait))?;
    if let Some(latest) = ledger.latest_checkpoint()? {
        let kept = parse(&latest.note, "the last checkpoint")?;
        let origin = &kept.checkpoint_unverified().origin;
        if *origin != arguments.origin {
            return Err(Failure::new(
                Exit::Refused,
                format!("this log is called `{origin}`, not `{}`", arguments.origin),
            )
            .hint("a log keeps its name: who has seen it under one would take it for another"));
        }
    }
    let signed = checkpoint(digests(&ledger)?, &arguments.origin, &key)
        .map_err(|error| Failure::caused(Exit::Fault, "the log cannot be signed", &error))?;
    let text = signed.to_string();
    let size = signed.checkpoint_unverified().head.size;
    // It is kept before it is handed out, so that the ledger refuses a log that shrinks.
    match ledger.checkpoint_of(size)? {
        None => drop(ledger.put_checkpoint(size, text.as_bytes())?),
        Some(kept) => {
            let kept = parse(&kept.note, "a checkpoint in the ledger")?;
            if kept.checkpoint_unverified() != signed.checkpoint_unverified() {
                return Err(Failure::new(
                    Exit::Ledger,
                    format!("another root of {size} receipts was signed before"),
                )
                .hint("`meterbox ledger check` says what changed since"));
            }
        }
    }
    put(arguments.out.as_deref(), &text)
}

fn read_checkpoint(path: &Path) -> Result<SignedCheckpoint, Failure> {
    let bytes = read_at_most(path, PROOF_BYTES_MAX)?;
    parse(&bytes, &path.display().to_string())
}

fn parse(bytes: &[u8], what: &str) -> Result<SignedCheckpoint, Failure> {
    String::from_utf8_lossy(bytes).parse().map_err(
        |error: meterbox_log::checkpoint::CheckpointError| {
            Failure::caused(Exit::File, format!("`{what}` is no checkpoint"), &error)
        },
    )
}

fn make(arguments: &ProveArguments, home: &Home) -> Ended {
    let reader = home.reader()?;
    let receipts = digests(&reader)?;
    let head = match &arguments.checkpoint {
        Some(path) => read_checkpoint(path)?,
        None => {
            let latest = reader.latest_checkpoint()?.ok_or_else(|| {
                Failure::new(Exit::Refused, "no checkpoint was made yet")
                    .hint("make one with `meterbox log checkpoint`")
            })?;
            parse(&latest.note, "the last checkpoint")?
        }
    };
    let unproven = |error: ProveError| {
        Failure::caused(Exit::Refused, "that cannot be proved", &error)
            .hint("a receipt that is newer than the checkpoint needs a new one: `meterbox log checkpoint`")
    };
    let text = match (&arguments.since, &arguments.receipt, arguments.index) {
        (Some(path), _, _) => {
            let old = read_checkpoint(path)?.checkpoint_unverified().head.size;
            prove_growth(&receipts, old, &head)
                .map_err(unproven)?
                .to_string()
        }
        (None, Some(path), _) => {
            let envelope = Envelope::from_bytes(&read(path)?).map_err(|error| invalid(&error))?;
            let digest = envelope.payload_digest().map_err(|error| invalid(&error))?;
            prove(&receipts, Which::Receipt(digest), &head)
                .map_err(unproven)?
                .to_string()
        }
        (None, None, index) => prove(&receipts, Which::Index(index.unwrap_or(0)), &head)
            .map_err(unproven)?
            .to_string(),
    };
    put(arguments.out.as_deref(), &text)
}

fn check(arguments: &CheckArguments) -> Ended {
    let bytes = read_at_most(&arguments.file, PROOF_BYTES_MAX)?;
    let proof: ProofFile = String::from_utf8_lossy(&bytes).parse().map_err(
        |error: meterbox_log::proof_file::ProofFileError| {
            let message = format!("`{}` is no proof", arguments.file.display());
            Failure::caused(Exit::File, message, &error)
        },
    )?;
    let trust = Trust {
        log: key_of(&arguments.key)?,
        origin: arguments.origin.clone(),
        witnesses: arguments.witness.clone(),
        witnesses_min: arguments.witnesses,
    };
    let refused = |error: CheckError| {
        Failure::caused(Exit::ReceiptInvalid, "the proof does not hold", &error)
    };
    let missing = |what: &str, flag: &str| {
        Failure::new(Exit::Usage, format!("this proof is about {what}"))
            .hint(format!("name it with {flag}"))
    };
    let (text, value, witnesses) = match &proof {
        ProofFile::Inclusion(file) => {
            let path = arguments
                .receipt
                .as_ref()
                .ok_or_else(|| missing("a receipt", "--receipt FILE"))?;
            let receipt =
                verify(&read(path)?, Some(&trust.log), None).map_err(|error| invalid(&error))?;
            let found = check_receipt(file, &receipt, &trust).map_err(refused)?;
            let size = found.log.checkpoint.head.size;
            (
                format!("included: it is receipt {} of {size}", found.index),
                json!({
                    "schema": 1,
                    "holds": true,
                    "kind": "inclusion",
                    "receipt": found.receipt,
                    "index": found.index.to_string(),
                    "size": size.to_string(),
                    "root": found.log.checkpoint.head.root,
                }),
                found.log.witnesses.len(),
            )
        }
        ProofFile::Consistency(file) => {
            let path = arguments
                .since
                .as_ref()
                .ok_or_else(|| missing("an older checkpoint", "--since FILE"))?;
            let found =
                check_consistency(&read_checkpoint(path)?, file, &trust).map_err(refused)?;
            let (old, new) = (found.old.checkpoint.head, found.new.checkpoint.head);
            (
                format!(
                    "consistent: the log grew from {} to {} receipts",
                    old.size, new.size
                ),
                json!({
                    "schema": 1,
                    "holds": true,
                    "kind": "consistency",
                    "old_size": old.size.to_string(),
                    "size": new.size.to_string(),
                    "root": new.root,
                }),
                found.new.witnesses.len(),
            )
        }
    };
    ui::print(&match arguments.format {
        Format::Text if witnesses > 0 => format!("{text}, co-signed by {witnesses} witness(es)\n"),
        Format::Text => format!("{text}\n"),
        Format::Json => format!("{value:#}\n"),
    })?;
    Ok(Exit::Ok)
}
