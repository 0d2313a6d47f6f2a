//! The slices of a job: orders one after another, each of which goes on where the one before left off, and has a
//! receipt of its own.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;

use meterbox_billing::digest::Digest;
use meterbox_billing::job::{Blob, Job};
use meterbox_billing::money::Amount;
use meterbox_billing::outcome::Outcome;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::slices::{CHECKPOINT, Slices, left_off};
use meterbox_billing::text::Id;
use meterbox_provider::{Completed, Material, Store};
use meterbox_sandbox::Stop;
use serde_json::{Value, json};

use super::RunArguments;
use super::counter::{Counter, slice_id};
use super::results::Results;
use crate::Ended;
use crate::commands::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::write_file;
use crate::ordering::{Request, material_of, new_id};
use crate::report;
use crate::ui::{self, Ui};

/// Why there is no further slice.
enum Ending {
    /// The program has done all.
    Done,
    /// The last one did not end well, or was stopped.
    Ended(Exit),
    /// There were as many as may be.
    Spent,
    /// A further one could cost more than what is left to pay.
    Unpaid { ceiling: Amount, left: Amount },
    /// The last one left off where one began before.
    Standstill,
}

/// What a slice leaves for the report.
struct Done {
    receipt: Receipt,
    digest: Digest,
    is_repeat: bool,
}

/// What is run, and what is known of it.
struct Course<'c> {
    base: Id,
    most: NonZeroU32,
    request: &'c Request,
    store: &'c Store,
    out: Option<&'c Path>,
    /// Where slices have begun.
    begun: BTreeSet<Digest>,
    done: Vec<Done>,
    paid: Amount,
    stop: Stop,
}

/// Runs slice after slice, until the job is done or nothing further may be run.
pub fn run(
    most: NonZeroU32,
    (job, material): (Job, Material),
    counter: &mut Counter<'_>,
    arguments: &RunArguments,
    request: &Request,
    store: &Store,
    ui: &Ui,
) -> Ended {
    let base = match &arguments.order_id {
        Some(id) => id.clone(),
        None => new_id(&request.name)?,
    };
    let results = Results::of(arguments, request, counter.transcripts(), ui);
    let shows = !request.is_command && arguments.format == Format::Text;
    // What cannot be is known before anything is paid.
    slice_id(&base, most.get(), 1)?;
    results.make_folders()?;
    let left_in = arguments.out.as_ref().map(|out| out.join(CHECKPOINT));
    if let (Some(given), Some(left_in)) = (request.input(CHECKPOINT), &left_in)
        && let (Ok(given), Ok(left_in)) = (given.canonicalize(), left_in.canonicalize())
        && given == left_in
    {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "the input `{CHECKPOINT}` is `{}`, which --out replaces",
                given.display()
            ),
        )
        .hint("copy it to another place first: the same order needs it again"));
    }
    let mut course = Course {
        base,
        most,
        request,
        store,
        out: arguments.out.as_deref(),
        begun: BTreeSet::new(),
        done: Vec::new(),
        paid: Amount::ZERO,
        stop: arguments.place.stop_on_interrupt(),
    };
    ui.say(&format!(
        "note: the slices are the orders {0}.1 and so on: --order-id {0} goes on after a break",
        course.base
    ));
    let end = match course.run(job, material, counter, &results, |line| match shows {
        true => ui::print(line),
        false => Ok(()),
    }) {
        Ok(end) => end,
        Err(failure) => {
            ui.say(&format!(
                "note: {} slice(s) are done and billed, {} in all; --order-id {} goes on behind them",
                course.done.len(),
                course.paid,
                course.base
            ));
            return Err(failure);
        }
    };
    course.report(&end, arguments, ui)?;
    if arguments.out.is_some() {
        course.clear_checkpoint()?;
    } else if !matches!(end, Ending::Done) || course.has_outputs() {
        ui.say("hint: the outputs were not kept: give --out DIR");
    }
    course.ended(end, ui)
}

impl Course<'_> {
    fn run(
        &mut self,
        mut job: Job,
        mut material: Material,
        counter: &mut Counter<'_>,
        results: &Results<'_>,
        show: impl Fn(&str) -> Result<(), Failure>,
    ) -> Result<Ending, Failure> {
        let stop = self.stop.clone();
        loop {
            let number = u32::try_from(self.done.len() + 1).unwrap_or(u32::MAX);
            let left = match self.request.max_price {
                None => None,
                Some(most) => Some(most.checked_sub(self.paid).unwrap_or(Amount::ZERO)),
            };
            // The first is for the provider to refuse, as any order is.
            if let Some(left) = left.filter(|_| !self.done.is_empty()) {
                let ceiling = counter.ceiling();
                if left < ceiling && !counter.has_done(&self.base, number, &job)? {
                    return Ok(Ending::Unpaid { ceiling, left });
                }
            }
            let began = job.inputs.iter().find(|input| input.name == CHECKPOINT);
            self.begun.extend(began.map(|began| began.sha256));
            let (id, order) = counter.slice(&self.base, number, &job, left)?;
            results.keep_order(&order, &counter.signed_offer()?, Some(&id))?;
            let mut completed = counter.run(&order, &material, &stop)?;
            let goes_on_from = self.goes_on_from(&completed);
            let kept = results.keep_slice(&mut completed, self.store);
            results.advise(&completed);
            self.note(&completed)?;
            show(&self.last_line())?;
            kept?;
            let run = completed.document.reproducible();
            if self.request.max_price.is_some() && run.currency != counter.currency() {
                return Err(Failure::new(
                    Exit::Refused,
                    format!("the slice `{id}` was paid in {}", run.currency),
                )
                .hint("a maximum price is of one currency: go on by the same rate card, or order under another id"));
            }
            let Some(checkpoint) = goes_on_from? else {
                return Ok(match run.outcome {
                    Outcome::Ok {} => Ending::Done,
                    _ => Ending::Ended(report::exit_of(&run.outcome)),
                });
            };
            let next = going_on(&job, checkpoint.clone())?;
            // While what was done before is gone through, a newer one may lie there.
            if !completed.is_repeat
                || !counter.has_done(&self.base, number.saturating_add(1), &next)?
            {
                self.leave_checkpoint(&checkpoint)?;
            }
            if self.begun.contains(&checkpoint.sha256) {
                return Ok(Ending::Standstill);
            }
            if self.done.len() >= usize::try_from(self.most.get()).unwrap_or(usize::MAX) {
                return Ok(Ending::Spent);
            }
            if stop.requested().is_some() {
                return Ok(Ending::Ended(Exit::Stopped));
            }
            job = next;
            material = material_of(&job, material.program, self.store)?;
            if completed.is_repeat {
                // It has been lying there since then.
                material.check_contents().map_err(|error| {
                    Failure::caused(Exit::File, "the store is damaged", &error)
                        .hint(format!("what `{id}` left is lost: order under another id"))
                })?;
            }
        }
    }

    /// Where the next slice goes on: what it is given lies in the store since before the last one was billed.
    fn goes_on_from(&self, completed: &Completed) -> Result<Option<Blob>, Failure> {
        let Some(left) = left_off(completed.document.reproducible()) else {
            return Ok(None);
        };
        self.store.get(&left.sha256).map_err(|error| {
            let id = &completed.document.attested().order_id;
            Failure::from(error).hint(format!(
                "what the order `{id}` left is not kept here any more: order under another id"
            ))
        })?;
        Ok(Some(left.clone()))
    }

    fn note(&mut self, completed: &Completed) -> Result<(), Failure> {
        let total = completed.document.reproducible().total;
        self.paid = self.paid.checked_add(total).map_err(|error| {
            Failure::caused(Exit::Fault, "the slices cannot be added up", &error)
        })?;
        let digest = completed.receipt.payload_digest();
        self.done.push(Done {
            receipt: completed.document.clone(),
            digest: digest.map_err(|error| {
                Failure::caused(Exit::Fault, "the receipt cannot be digested", &error)
            })?,
            is_repeat: completed.is_repeat,
        });
        Ok(())
    }

    fn last_line(&self) -> String {
        let Some(done) = self.done.last() else {
            return String::new();
        };
        let run = done.receipt.reproducible();
        let again = if done.is_repeat { ", done before" } else { "" };
        let goes_on = match left_off(run) {
            Some(left) => format!(", goes on from {} ({} bytes)", left.sha256, left.bytes),
            None => String::new(),
        };
        format!(
            "slice {}  {}  {} {}{again}{goes_on}\n",
            self.done.len(),
            report::outcome(&run.outcome),
            run.total,
            run.currency
        )
    }

    fn has_outputs(&self) -> bool {
        let mut runs = self.done.iter().map(|done| done.receipt.reproducible());
        runs.any(|run| run.outputs.iter().any(|blob| blob.name != CHECKPOINT))
    }

    /// All slices together, as they were asked for.
    fn report(&self, end: &Ending, arguments: &RunArguments, ui: &Ui) -> Result<(), Failure> {
        let slices =
            Slices::as_run(self.done.iter().map(|done| &done.receipt)).map_err(|error| {
                Failure::caused(Exit::Fault, "the slices cannot be added up", &error)
            })?;
        let each: Vec<Value> = self.done.iter().map(Done::json).collect();
        let json = json!({
            "schema": 1,
            "finished": matches!(end, Ending::Done),
            "slices": each,
            "usage": report::usage(&slices.usage),
            "totals": slices.totals,
            "end": report::end_of(&slices).0,
            "checkpoint": report::end_of(&slices).1,
        });
        let json = format!("{json:#}\n");
        if let Some(path) = &arguments.report {
            write_file(path, json.as_bytes())?;
        }
        if self.request.is_command {
            if let Some(done) = self.done.last() {
                let outcome = &done.receipt.reproducible().outcome;
                if *outcome != Outcome::OK {
                    ui.say(&format!("meterbox: {}", report::outcome(outcome)));
                }
            }
            return Ok(());
        }
        ui::print(&match arguments.format {
            Format::Json => json,
            Format::Text => report::slices(&slices),
        })
    }

    /// Leaves where to go on beside the outputs, for whoever goes on elsewhere.
    fn leave_checkpoint(&self, checkpoint: &Blob) -> Result<(), Failure> {
        let Some(folder) = self.out else {
            return Ok(());
        };
        Ok(self
            .store
            .copy_to(&checkpoint.sha256, &folder.join(CHECKPOINT))?)
    }

    /// Takes away what was left to go on from, once there is nothing more to do.
    fn clear_checkpoint(&self) -> Result<(), Failure> {
        let last = self.done.last().map(|done| done.receipt.reproducible());
        let is_over = last.is_some_and(|run| run.outcome == Outcome::OK && left_off(run).is_none());
        let Some(path) = self.out.map(|folder| folder.join(CHECKPOINT)) else {
            return Ok(());
        };
        let Some(bytes) = std::fs::read(&path).ok().filter(|_| is_over) else {
            return Ok(());
        };
        // Only what is ours.
        match self.begun.contains(&Digest::of(&bytes)) {
            true => std::fs::remove_file(&path).map_err(|error| Failure::writing(&path, &error)),
            false => Ok(()),
        }
    }

    fn ended(&self, end: Ending, ui: &Ui) -> Ended {
        let goes_on = |how: &str| format!("{how} --order-id {} goes on", self.base);
        match end {
            Ending::Done => Ok(Exit::Ok),
            Ending::Ended(exit) => {
                ui.say(match self.begun.is_empty() {
                    true => "hint: order under another id once that is put right",
                    false => {
                        "hint: once that is put right, go on with --input checkpoint=FILE from where the last slice began, under another id: FILE is a copy of what --out has under that name"
                    }
                });
                Ok(exit)
            }
            Ending::Spent => Err(Failure::new(
                Exit::Limit,
                format!("the job has more to do than {} slice(s)", self.most),
            )
            .hint(goes_on("with more --slices,"))),
            Ending::Unpaid { ceiling, left } => Err(Failure::new(
                Exit::Refused,
                format!("the next slice could cost {ceiling}, of the maximum price {left} is left"),
            )
            .hint(goes_on("with a higher --max-price,"))),
            Ending::Standstill => Err(Failure::new(
                Exit::Failed,
                "the last slice left off where one began before: the program would go on for ever",
            )
            .hint("a slice has to bring its checkpoint further than it was")),
        }
    }
}

impl Done {
    fn json(&self) -> Value {
        let run = self.receipt.reproducible();
        json!({
            "order_id": self.receipt.attested().order_id,
            "receipt_digest": self.digest,
            "outcome": run.outcome,
            "outputs": run.outputs,
            "currency": run.currency,
            "total": run.total,
            "repeat": self.is_repeat,
        })
    }
}

/// The same job, from there on.
fn going_on(job: &Job, checkpoint: Blob) -> Result<Job, Failure> {
    let mut job = job.clone();
    job.inputs.retain(|input| input.name != CHECKPOINT);
    job.inputs.push(checkpoint);
    job.sorted()
        .map_err(|error| Failure::caused(Exit::Refused, "the next slice cannot be ordered", &error))
}
