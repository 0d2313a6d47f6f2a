//! What a run leaves: its outputs, documents and report, in the files that were asked for. Runs nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use meterbox_billing::envelope::Envelope;
use meterbox_billing::outcome::Outcome;
use meterbox_billing::slices::{CHECKPOINT, left_off};
use meterbox_billing::text::Id;
use meterbox_billing::transcript::Transcript;
use meterbox_provider::{BundleWriter, Completed, Store, Transcripts};
use meterbox_sandbox::Output;

use super::RunArguments;
use crate::commands::Format;
use crate::commands::transcript::copy_transcript;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::write_file;
use crate::ordering::{Request, now};
use crate::report;
use crate::ui::{self, Ui};

/// Where what runs leave is written.
pub struct Results<'r> {
    arguments: &'r RunArguments,
    request: &'r Request,
    transcripts: Transcripts,
    ui: &'r Ui,
}

impl<'r> Results<'r> {
    /// Where these arguments say.
    pub fn of(
        arguments: &'r RunArguments,
        request: &'r Request,
        transcripts: &Transcripts,
        ui: &'r Ui,
    ) -> Results<'r> {
        Results {
            arguments,
            request,
            transcripts: transcripts.clone(),
            ui,
        }
    }

    /// Writes the order and the offer that it answers: as files, or, of a slice, into folders under its id.
    pub fn keep_order(
        &self,
        order: &Envelope,
        offer: &Envelope,
        slice: Option<&Id>,
    ) -> Result<(), Failure> {
        for (path, envelope) in [
            (&self.arguments.offer, offer),
            (&self.arguments.order, order),
        ] {
            if let Some(path) = path {
                write_file(&place(path, slice, "json")?, &bytes(envelope)?)?;
            }
        }
        Ok(())
    }

    /// Writes all that a job left, and prints its report.
    ///
    /// The job is billed: whatever cannot be written, everything else still is.
    pub fn keep(&self, completed: &mut Completed) -> Result<(), Failure> {
        let mut written = Vec::new();
        if let Some(folder) = &self.arguments.out {
            written.push(write_outputs(&mut completed.outputs, folder));
        }
        written.extend(self.keep_documents(completed, None));
        written.push(self.print(completed));
        all(written, &completed.document.attested().order_id)
    }

    /// Makes the folders for the documents of slices, before anything is paid.
    pub fn make_folders(&self) -> Result<(), Failure> {
        let named = [
            ("--receipt", &self.arguments.receipt),
            ("--order", &self.arguments.order),
            ("--offer", &self.arguments.offer),
            ("--transcript", &self.arguments.transcript),
        ];
        let mut known: Vec<(&str, &Path)> = Vec::new();
        for (flag, path) in named {
            let Some(path) = path else {
                continue;
            };
            if let Some((other, _)) = known.iter().find(|(_, known)| known == path) {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("{other} and {flag} name the same folder"),
                )
                .hint("with --slices each kind of document needs a folder of its own"));
            }
            // Written to as well: what cannot be is known before a slice is paid.
            std::fs::create_dir_all(path)
                .and_then(|()| tempfile::tempfile_in(path))
                .map_err(|error| Failure::writing(path, &error))?;
            known.push((flag, path));
        }
        Ok(())
    }

    /// Writes all that a slice left but its checkpoint, from the store, which has it since before it was billed.
    pub fn keep_slice(&self, completed: &mut Completed, store: &Store) -> Result<(), Failure> {
        let id = completed.document.attested().order_id.clone();
        let mut written = Vec::new();
        if let Some(folder) = &self.arguments.out {
            for output in &completed.document.reproducible().outputs {
                if output.name != CHECKPOINT {
                    let path = folder.join(&output.name);
                    let copied = store.copy_to(&output.sha256, &path);
                    written.push(copied.map_err(Failure::from));
                }
            }
        }
        written.extend(self.keep_documents(completed, Some(&id)));
        all(written, &id)
    }

    fn keep_documents(
        &self,
        completed: &Completed,
        slice: Option<&Id>,
    ) -> Vec<Result<(), Failure>> {
        let mut written = Vec::new();
        if let Some(path) = &self.arguments.receipt {
            let receipt = place(path, slice, "json").and_then(|path| {
                let bytes = bytes(&completed.receipt)?;
                write_file(&path, &bytes)
            });
            written.push(receipt);
        }
        if let Some(path) = &self.arguments.transcript {
            let transcript = place(path, slice, "transcript")
                .and_then(|path| write_transcript(completed, &self.transcripts, &path));
            written.push(transcript);
        }
        let dropped = self.transcripts.drop_ended(now());
        written.push(dropped.map(drop).map_err(Failure::from));
        written
    }

    fn print(&self, completed: &Completed) -> Result<(), Failure> {
        let (arguments, ui) = (self.arguments, self.ui);
        let json = report::json(completed)?;
        let json = format!("{json:#}\n");
        if let Some(path) = &arguments.report {
            write_file(path, json.as_bytes())?;
        }
        let part = completed.document.reproducible();
        if self.request.is_command {
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
        if left_off(part).is_some() {
            ui.say(&format!(
                "note: the program has more to do from its output `{CHECKPOINT}` on: --slices N runs it on"
            ));
        }
        self.advise(completed);
        let is_job = !self.request.is_command && !part.outputs.is_empty();
        if is_job && arguments.out.is_none() && !completed.is_repeat {
            ui.say("hint: the outputs were not kept: give --out DIR");
        }
        Ok(())
    }

    /// Says what to do about a limit that was reached.
    pub fn advise(&self, completed: &Completed) {
        if let Outcome::Limit { which } = &completed.document.reproducible().outcome {
            let flag = if which.as_str() == "memory_bytes" {
                "memory".into()
            } else {
                which.to_string().replace('_', "-")
            };
            self.ui.say(&format!(
                "hint: raise the limit with --limit-{flag}, or lower what the job does"
            ));
        } else if completed.memory_refusals > 0 {
            self.ui.say(
                "hint: the job asked for more memory than its limit: raise it with --limit-memory",
            );
        }
    }
}

/// Where a document goes: to this path, or, of a slice, into the folder of this path under its id.
fn place(path: &Path, slice: Option<&Id>, extension: &str) -> Result<PathBuf, Failure> {
    let Some(id) = slice else {
        return Ok(path.to_path_buf());
    };
    std::fs::create_dir_all(path).map_err(|error| Failure::writing(path, &error))?;
    // An id may hold what no file's name can, and no `%`.
    let name = id.to_string().replace('/', "%2F").replace(':', "%3A");
    Ok(path.join(format!("{name}.{extension}")))
}

/// The first failure of what was written for an order that is billed.
fn all(written: Vec<Result<(), Failure>>, id: &Id) -> Result<(), Failure> {
    match written.into_iter().find_map(Result::err) {
        None => Ok(()),
        Some(failure) => Err(failure.hint(format!(
            "the job is billed all the same; its receipt is in the ledger: `meterbox ledger receipt {id}`"
        ))),
    }
}

fn bytes(envelope: &Envelope) -> Result<Vec<u8>, Failure> {
    envelope
        .to_bytes()
        .map_err(|error| Failure::caused(Exit::Fault, "a document cannot be written", &error))
}

/// Writes every output that can be written, and gives the first failure.
fn write_outputs(outputs: &mut [Output], folder: &Path) -> Result<(), Failure> {
    let mut first = Ok(());
    for output in outputs {
        let path = folder.join(&output.name);
        let written = write_output(output, &path);
        if first.is_ok() {
            first = written;
        }
    }
    first
}

/// Writes an output to a file, which is replaced when all of it is there.
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
