//! Shows the whole way of a job with the real program: from the guest's source code to a receipt
//! that is verified, replayed, and refused once it is tampered with.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::examples::{self, Example};
use crate::meterbox::Meterbox;
use crate::project::Project;
use crate::session;
use crate::setup::{self, GUEST_TARGETS};

const JOB: &str = "examples/file-types/job.toml";

#[derive(clap::Args)]
pub struct Arguments {
    /// Which job, all of them one after the other with `all`.
    #[arg(value_enum, default_value = "file-types")]
    which: Which,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Which {
    /// Recognise the types of files, and look closely at the receipt.
    FileTypes,
    /// Find speech in a sound.
    Speech,
    /// Read the text of a page; brings its models from PyPI first.
    Ocr,
    /// Every one of them.
    All,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let others = match arguments.which {
        Which::FileTypes => &[][..],
        Which::Speech => &[Example::Speech],
        Which::Ocr => &[Example::Ocr],
        Which::All => &[Example::Speech, Example::Ocr],
    };
    let folder = project.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be emptied", folder.display()))?;
    }
    heading("Building the guest and the program");
    setup::targets(project, &GUEST_TARGETS)?;
    examples::build(project)?;
    for example in others {
        example.prepare(project)?;
    }
    let meterbox = Meterbox::build(project, &folder.join("home"))?;
    heading("A provider's key");
    meterbox.introduce();
    meterbox.run(&["key", "new"])?;
    if matches!(arguments.which, Which::FileTypes | Which::All) {
        look_closely(project, &meterbox, &folder)?;
    }
    for example in others {
        show(project, &meterbox, &folder, *example)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a job, shows what it left, and compares that with what is expected.
fn show(project: &Project, meterbox: &Meterbox, folder: &Path, example: Example) -> Result<()> {
    heading(&format!("The job: {}", example.purpose()));
    let outputs = folder.join(example.name());
    let receipt = project.shown(&folder.join(format!("{}.receipt.json", example.name())));
    let shown = project.shown(&outputs);
    meterbox.run(&[
        "run",
        &example.job(),
        "--receipt",
        &receipt,
        "--out",
        &shown,
    ])?;
    let text = fs::read_to_string(outputs.join(example.text()))
        .with_context(|| format!("the job left no {}", example.text()))?;
    meterbox.print(&format!("\n$ cat {shown}/{}\n{text}", example.text()));
    example.check(project, &outputs)?;
    let key = meterbox.run(&["key", "show"])?.trim().to_owned();
    meterbox.run(&["receipt", "verify", &receipt, "--key", &key])?;
    meterbox.run(&["receipt", "replay", &receipt, "--key", &key])?;
    Ok(())
}

/// The first job, with all that can be done with its receipt.
fn look_closely(project: &Project, meterbox: &Meterbox, folder: &Path) -> Result<()> {
    let at = |name: &str| project.shown(&folder.join(name));
    let (outputs, receipt) = (at("outputs"), at("receipt.json"));

    heading("What the job can cost at most");
    meterbox.run(&["quote", JOB])?;

    heading("The job: recognise the types of these files, with a model");
    meterbox.run(&["run", JOB, "--receipt", &receipt, "--out", &outputs])?;
    let labels = fs::read_to_string(folder.join("outputs").join("labels.txt"))
        .context("the job left no labels.txt")?;
    meterbox.print(&format!("\n$ cat {outputs}/labels.txt\n{labels}"));
    Example::FileTypes.check(project, &folder.join("outputs"))?;

    heading("The receipt: who signed it, does it add up, is it what a second run comes to");
    let key = meterbox.run(&["key", "show"])?.trim().to_owned();
    meterbox.run(&["receipt", "verify", &receipt, "--key", &key])?;
    meterbox.run(&["receipt", "replay", &receipt, "--key", &key])?;

    heading("The same receipt, tampered with");
    let bytes = fs::read(folder.join("receipt.json"))?;
    let (altered, flipped) = (at("altered.json"), at("flipped.json"));
    fs::write(folder.join("altered.json"), with_less_usage(&bytes)?)?;
    fs::write(folder.join("flipped.json"), with_one_bit_flipped(&bytes))?;
    println!("{altered} counts fewer instructions, {flipped} differs in one bit.");
    meterbox.refused(&["receipt", "verify", &altered, "--key", &key])?;
    meterbox.refused(&["receipt", "verify", &flipped, "--key", &key])?;

    heading("What to try next");
    println!("With the alias and METERBOX_HOME from above:");
    println!("  meterbox run {JOB} --input files/mine=PATH   label a file of your own");
    println!(
        "  meterbox run {JOB} --limit-instructions 1000000   stop at a limit, and see the bill"
    );
    println!(
        "  cargo xtask demo speech   find speech in a sound; `ocr` reads a page, `all` runs everything"
    );
    println!("  meterbox receipt show {receipt}   read the whole receipt");
    println!("  meterbox ledger list   see every job that was billed");
    println!("Then write a job: README.md begins with one.");

    let readme = fs::read_to_string(project.root.join("README.md"))?;
    // README shows the usual target folder, wherever this one is.
    let printed = meterbox
        .printed()
        .replace(&project.shown(folder), "target/demo");
    session::check(&readme, &printed).context(
        "the job ran as it should, but README.md shows another session: correct the one or the other",
    )
}

fn heading(text: &str) {
    println!("\n=== {text}");
}

/// The receipt with one instruction less in its usage, under the signature of the honest one.
fn with_less_usage(receipt: &[u8]) -> Result<Vec<u8>> {
    let mut envelope: Value = serde_json::from_slice(receipt)?;
    let payload = envelope["payload"]
        .as_str()
        .context("the receipt has no payload")?;
    let mut statement: Value = serde_json::from_slice(&STANDARD.decode(payload)?)?;
    let count = &mut statement["predicate"]["reproducible"]["usage"]["instructions"];
    let instructions: u128 = count
        .as_str()
        .context("the receipt counts no instructions")?
        .parse()?;
    *count = instructions.saturating_sub(1).to_string().into();
    envelope["payload"] = STANDARD.encode(serde_json::to_vec(&statement)?).into();
    Ok(serde_json::to_vec(&envelope)?)
}

/// The receipt with the lowest bit of its middle byte flipped.
fn with_one_bit_flipped(receipt: &[u8]) -> Vec<u8> {
    let mut bytes = receipt.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes
}
