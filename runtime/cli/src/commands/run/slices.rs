//! The slices of a job: orders one after another, each of which goes on where the one before left off, and has a
//! receipt of its own.

use std::num::NonZeroU32;
use std::path::Path;

use meterbox_billing::digest::Digest;
use meterbox_billing::job::{Blob, Job};
use meterbox_billing::money::Amount;
use meterbox_billing::outcome::Outcome;
use meterbox_billing::receipt::Receipt;
use meterbox_billing::slices::{CHECKPOINT, Slices, began_with, left_off};
use meterbox_billing::text::Id;
use meterbox_provider::{Completed, Material, Store};
use serde_json::{Value, json};

use super::RunArguments;
use super::counter::Counter;
use super::results::Results;
use crate::Ended;
use crate::commands::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::write_file;
use crate::ordering::{Request, material_of, new_id};
use crate::report;
use crate::ui::{self, Ui};
use crate::workers;

/// Why there is no further slice.
enum End {
    /// The program has done all.
    Done,
    /// The last one did not end well, or was stopped.
    Ended(Exit),
    /// There were as many as may be.
    Spent,
    /// A further one could cost more than what is left to pay.
    Unpaid { ceiling: Amount, left: Amount },
    /// The last one left off where it began.
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
    done: Vec<Done>,
    paid: Amount,
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
    let mut course = Course {
        base,
        most,
        request,
        store,
        done: Vec::new(),
        paid: Amount::ZERO,
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
    if let Some(folder) = &arguments.out {
        course.leave_checkpoint(folder)?;
    } else if !matches!(end, End::Done) || course.has_outputs() {
        ui.say("hint: the outputs were not kept: give --out DIR");
    }
    course.ended(end)
}

impl Course<'_> {
    fn run(
        &mut self,
        mut job: Job,
        mut material: Material,
        counter: &mut Counter<'_>,
        results: &Results<'_>,
        show: impl Fn(&str) -> Result<(), Failure>,
    ) -> Result<End, Failure> {
        let stop = workers::stop_on_interrupt();
        loop {
            let id = self.next_id()?;
            let left = match self.request.max_price {
                None => None,
                Some(most) => Some(most.checked_sub(self.paid).unwrap_or(Amount::ZERO)),
            };
            // The first is for the provider to refuse, as any order is.
            if let Some(left) = left.filter(|_| !self.done.is_empty()) {
                let ceiling = counter.ceiling();
                if left < ceiling && !counter.knows(&id)? {
                    return Ok(End::Unpaid { ceiling, left });
                }
            }
            let order = counter.order(id.clone(), &job, left)?;
            results.keep_order(&order, &counter.signed_offer()?, Some(&id))?;
            let mut completed = counter.run(&order, &material, &stop)?;
            let goes_on_from = self.goes_on_from(&completed);
            let kept = results.keep_slice(&mut completed);
            results.advise(&completed);
            self.note(&completed)?;
            show(&self.last_line())?;
            kept?;
            let run = completed.document.reproducible();
            let Some(checkpoint) = goes_on_from? else {
                return Ok(match run.outcome {
                    Outcome::Ok {} => End::Done,
                    _ => End::Ended(report::exit_of(&run.outcome)),
                });
            };
            if began_with(run).is_some_and(|began| began.sha256 == checkpoint.sha256) {
                return Ok(End::Standstill);
            }
            if self.done.len() >= usize::try_from(self.most.get()).unwrap_or(usize::MAX) {
                return Ok(End::Spent);
            }
            if stop.requested().is_some() {
                return Ok(End::Ended(Exit::Stopped));
            }
            job = going_on(&job, checkpoint)?;
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

    fn next_id(&self) -> Result<Id, Failure> {
        let id = format!("{}.{}", self.base, self.done.len() + 1);
        id.parse().map_err(|error| {
            Failure::caused(Exit::Usage, "a slice's order has no id that fits", &error)
                .hint("give a shorter --order-id")
        })
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
    fn report(&self, end: &End, arguments: &RunArguments, ui: &Ui) -> Result<(), Failure> {
        let slices = Slices::join(self.done.iter().map(|done| &done.receipt)).map_err(|error| {
            Failure::caused(Exit::Fault, "the slices do not follow each other", &error)
        })?;
        let each: Vec<Value> = self.done.iter().map(Done::json).collect();
        let json = json!({
            "schema": 1,
            "finished": matches!(end, End::Done),
            "slices": each,
            "usage": report::usage(&slices.usage),
            "totals": slices.totals,
            "checkpoint": slices.left_off,
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

    /// Leaves in the folder where to go on; or nothing, if there is nothing more to do.
    fn leave_checkpoint(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(CHECKPOINT);
        let runs = || self.done.iter().map(|done| done.receipt.reproducible());
        // Of a run that ended badly, where it began is where to go on.
        let last = runs().next_back();
        let is_done = last.is_some_and(|run| run.outcome == Outcome::OK && left_off(run).is_none());
        let last = last.and_then(|run| left_off(run).or(began_with(run)));
        if let Some(checkpoint) = last.filter(|_| !is_done) {
            return write_file(&path, &self.store.read(&checkpoint.sha256)?);
        }
        let Ok(bytes) = std::fs::read(&path) else {
            return Ok(());
        };
        let digest = Digest::of(&bytes);
        let is_ours = runs()
            .filter_map(left_off)
            .any(|left| left.sha256 == digest);
        match is_ours {
            true => std::fs::remove_file(&path).map_err(|error| Failure::writing(&path, &error)),
            false => Ok(()),
        }
    }

    fn ended(&self, end: End) -> Ended {
        let goes_on = |how: &str| format!("{how} --order-id {} goes on", self.base);
        match end {
            End::Done => Ok(Exit::Ok),
            End::Ended(exit) => Ok(exit),
            End::Spent => Err(Failure::new(
                Exit::Limit,
                format!("the job has more to do than {} slice(s)", self.most),
            )
            .hint(goes_on("with more --slices,"))),
            End::Unpaid { ceiling, left } => Err(Failure::new(
                Exit::Refused,
                format!("the next slice could cost {ceiling}, of the maximum price {left} is left"),
            )
            .hint(goes_on("with a higher --max-price,"))),
            End::Standstill => Err(Failure::new(
                Exit::Failed,
                "the last slice left off where it began: the program would go on for ever",
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
