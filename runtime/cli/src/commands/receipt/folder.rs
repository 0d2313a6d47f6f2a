//! `meterbox receipt verify FOLDER`: all receipts of a folder at once, on all processors.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use meterbox_billing::inspection::{
    Contradiction, Finding, Inspection, Trusted, inspect, summarise,
};
use serde_json::json;

use super::{VerifyArguments, read};
use crate::commands::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::{self, Ui};
use crate::{Ended, rates};

/// Receipts whose files are named in a text.
const NAMED_MAX: usize = 20;

/// Verifies each, then all together.
pub(super) fn run(arguments: &VerifyArguments, ui: &Ui) -> Ended {
    let files = files_of(&arguments.file)?;
    if files.is_empty() {
        let folder = arguments.file.display();
        return Err(
            Failure::new(Exit::File, format!("`{folder}` has no receipts"))
                .hint("each is a file whose name ends in .json"),
        );
    }
    let cards = match arguments.rate_card.as_deref() {
        Some(path) if path == Path::new("default") => vec![rates::card(None)?],
        Some(path) => vec![rates::card(Some(path))?],
        None => Vec::new(),
    };
    // Who names a card wants the prices to be its own.
    let are_prices_asked = arguments.rate_card.is_some();
    let trusted = Trusted::new(arguments.trust.key()?, cards).map_err(|error| {
        Failure::caused(Exit::Fault, "the rate card cannot be digested", &error)
    })?;
    let inspections = {
        let working = ui.counting("verifying", files.len());
        all(&files, &trusted, &|| working.one())?
    };
    let summary = summarise(&inspections);
    let named = || files.iter().zip(&inspections);
    if arguments.format == Format::Json {
        let each: Vec<_> = named()
            .map(|(file, inspection)| json!({ "file": file.display().to_string(), "verdict": inspection }))
            .collect();
        let value = json!({ "schema": 1, "receipts": each, "summary": summary });
        ui::print(&format!("{value:#}\n"))?;
    } else {
        let mut text = String::new();
        let is_fine = |finding| {
            finding == Finding::Valid || (finding == Finding::PricesUnchecked && !are_prices_asked)
        };
        let wrong = named().filter(|(_, inspection)| !is_fine(inspection.finding));
        for (file, inspection) in wrong.take(NAMED_MAX) {
            let why = inspection.reasons.join(": ");
            text += &format!("{}: {}: {why}\n", file.display(), name(inspection.finding));
        }
        for contradiction in &summary.contradictions {
            text += &format!("contradiction: {}\n", told(contradiction));
        }
        let counts: Vec<String> = summary
            .findings
            .iter()
            .map(|(finding, count)| format!("{count} {}", name(*finding)))
            .collect();
        text += &format!("{} receipts: {}\n", files.len(), counts.join(", "));
        for (currency, total) in &summary.totals {
            text += &match total {
                Some(total) => format!("they add up to {total} {currency}\n"),
                None => format!("their sum in {currency} is too large to be written down\n"),
            };
        }
        ui::print(&text)?;
    }
    let has = |finding| summary.findings.contains_key(&finding);
    Ok(
        if has(Finding::Refused)
            || (are_prices_asked && has(Finding::PricesUnchecked))
            || !summary.contradictions.is_empty()
        {
            Exit::ReceiptInvalid
        } else if has(Finding::UnknownSigner) {
            Exit::SignerUnknown
        } else {
            Exit::Ok
        },
    )
}

fn name(finding: Finding) -> &'static str {
    match finding {
        Finding::Valid => "valid",
        Finding::PricesUnchecked => "valid, prices not compared with their card",
        Finding::UnknownSigner => "of an unknown signer",
        Finding::Refused => "refused",
    }
}

fn told(contradiction: &Contradiction) -> String {
    match contradiction {
        Contradiction::SameNumber {
            provider,
            sequence,
            receipts,
        } => format!(
            "{provider} signed {} receipts with the number {sequence}",
            receipts.len()
        ),
        Contradiction::SameOrder {
            provider,
            order_id,
            receipts,
        } => format!(
            "{provider} charged the order `{order_id}` {} times",
            receipts.len()
        ),
        Contradiction::BrokenChain {
            provider, sequence, ..
        } => format!("receipt {sequence} of {provider} does not follow the one before it"),
    }
}

/// The files of a folder whose names end in `.json`, sorted.
pub(super) fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| Failure::reading(folder, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && path.is_file()
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The verdict on each, in their order.
fn all(
    files: &[PathBuf],
    trusted: &Trusted,
    one_more: &(dyn Fn() + Sync),
) -> Result<Vec<Inspection>, Failure> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(&PathBuf, Inspection)>> = Mutex::new(Vec::with_capacity(files.len()));
    let work = || -> Result<(), Failure> {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            // What cannot be read is refused, and the others are looked at all the same.
            let inspection = match read(file) {
                Ok(bytes) => inspect(&bytes, trusted),
                Err(failure) => Inspection {
                    finding: Finding::Refused,
                    reasons: failure.chain,
                    receipt: None,
                },
            };
            let mut done = done
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            done.push((file, inspection));
            one_more();
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| -> Result<(), Failure> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(result) => result?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    })?;
    let mut done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(file, _)| *file);
    Ok(done.into_iter().map(|(_, inspection)| inspection).collect())
}
