//! Asks an engine in a process of its own. Knows the protocol's files, and no engine.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use meterbox_differential::case::Ending;

use super::Answer;
use crate::program::Program;
use crate::protocol::{Replied, Reply, Request};

/// Programs that one process is asked about: a process that breaks breaks few.
const BATCH: usize = 50;

/// Asks about all programs, batch by batch; one by one where a batch breaks the process. `command` makes
/// the command that the names of the two files are added to; `ending` says what the engine's words for a
/// failure mean.
///
/// # Errors
/// If a batch breaks the process, and none of its programs does.
pub fn ask(
    folder: &Path,
    programs: &[Program],
    command: impl Fn() -> Command,
    ending: fn(&str) -> Ending,
) -> Result<Vec<Answer>> {
    fs::create_dir_all(folder)?;
    let mut answers = Vec::new();
    for batch in programs.chunks(BATCH) {
        match ask_once(folder, batch, command(), ending) {
            Ok(answered) => answers.extend(answered),
            Err(error) => {
                let alone = one_by_one(batch, |one| ask_once(folder, one, command(), ending));
                let is_known = alone
                    .iter()
                    .any(|answer| matches!(answer, Answer::Failed(_)));
                if !is_known {
                    return Err(error.context("it breaks, but not for one program at a time"));
                }
                answers.extend(alone);
            }
        }
    }
    Ok(answers)
}

/// Asks about each program alone, to learn which of them breaks the process.
fn one_by_one(
    programs: &[Program],
    ask: impl Fn(&[Program]) -> Result<Vec<Answer>>,
) -> Vec<Answer> {
    let answers = programs.chunks(1).map(|one| match ask(one) {
        Ok(mut answer) => answer.remove(0),
        Err(error) => Answer::Failed(format!("{error:#}")),
    });
    answers.collect()
}

/// The version that an engine gives itself, when it is asked about nothing.
///
/// # Errors
/// Why it does not run.
pub fn version(folder: &Path, command: Command) -> Result<String> {
    fs::create_dir_all(folder)?;
    Ok(exchange(folder, &[], command)?.version)
}

fn ask_once(
    folder: &Path,
    programs: &[Program],
    command: Command,
    ending: fn(&str) -> Ending,
) -> Result<Vec<Answer>> {
    let reply = exchange(folder, programs, command)?;
    if reply.programs.len() != programs.len() {
        bail!(
            "{} programs were asked about, and {} answered",
            programs.len(),
            reply.programs.len()
        );
    }
    let answered = reply.programs.iter().zip(programs);
    answered
        .map(|(replied, program): (&Replied, _)| replied.answer(program, ending))
        .collect()
}

fn exchange(folder: &Path, programs: &[Program], mut command: Command) -> Result<Reply> {
    let (request, reply) = (folder.join("request.json"), folder.join("reply.json"));
    fs::write(&request, serde_json::to_vec(&Request::about(programs))?)?;
    if reply.exists() {
        fs::remove_file(&reply)?;
    }
    let output = command
        .arg(&request)
        .arg(&reply)
        .output()
        .with_context(|| format!("{} cannot be run", command.get_program().display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.trim().lines().last().unwrap_or("it says nothing");
        bail!("it ended with {}: {last}", output.status);
    }
    let bytes = fs::read(&reply).context("it left no reply")?;
    serde_json::from_slice(&bytes).context("its reply is not what the protocol says")
}
