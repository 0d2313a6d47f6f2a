//! Owns trying many cases on one engine, in a process of their own: a case that ends it is wrong, and
//! the next ones go on in another. Computes nothing itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use meterbox_inference::EngineKind;

use crate::verdict::Verdict;

/// What one case may take. The largest ones take a second in a build for debugging.
const CASE_SECONDS_MAX: u64 = 120;

/// A verdict for each case, in the order of the cases.
pub fn run(settings: &Path, engine: EngineKind, cases: &[String]) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    while verdicts.len() < cases.len() {
        let rest = cases.get(verdicts.len()..).unwrap_or(&[]);
        let before = verdicts.len();
        if let Some(end) = one_process(settings, engine, rest, &mut verdicts)? {
            verdicts.push(Verdict::Wrong { what: end });
        }
        ensure!(verdicts.len() > before, "a child process answers nothing");
    }
    Ok(verdicts)
}

/// How the process ended, when it did before it had answered for all.
fn one_process(
    settings: &Path,
    engine: EngineKind,
    cases: &[String],
    verdicts: &mut Vec<Verdict>,
) -> Result<Option<String>> {
    let mut child = start(settings, engine)?;
    let mut names = child.stdin.take().context("the child has a stdin")?;
    let text = cases.join("\n") + "\n";
    // Written aside: the child answers while it is still being told.
    let writer = thread::spawn(move || names.write_all(text.as_bytes()));
    let lines = lines(&mut child)?;
    let mut answered: usize = 0;
    let end = loop {
        if answered == cases.len() {
            break None;
        }
        match lines.recv_timeout(Duration::from_secs(CASE_SECONDS_MAX)) {
            Ok(line) => verdicts.push(serde_json::from_str(&line).context(line)?),
            Err(RecvTimeoutError::Timeout) => {
                break Some(format!("not done after {CASE_SECONDS_MAX} s"));
            }
            Err(RecvTimeoutError::Disconnected) => {
                break Some(format!("the process ended: {}", child.wait()?));
            }
        }
        answered = answered.saturating_add(1);
    };
    let _ = child.kill();
    child.wait()?;
    let _ = writer.join(); // a child that is gone reads no more, which is said already
    Ok(end)
}

fn start(settings: &Path, engine: EngineKind) -> Result<Child> {
    Ok(Command::new(std::env::current_exe()?)
        .arg(settings)
        .arg(engine.name())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?)
}

fn lines(child: &mut Child) -> Result<Receiver<String>> {
    let out = child.stdout.take().context("the child has a stdout")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
