//! Runs checks one after the other and counts how they ended. Knows none of them.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// How one check ended.
enum End {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Check {
    name: String,
    took: Duration,
    end: End,
}

/// The checks so far.
#[derive(Default)]
pub struct Checks {
    checks: Vec<Check>,
}

impl Checks {
    /// Runs a command, which passes if it exits with 0.
    pub fn run(&mut self, name: &str, command: &mut Command) {
        self.require(name, || match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(format!("it cannot be run: {error}")),
        });
    }

    /// Does something that has to be done.
    pub fn require(&mut self, name: &str, act: impl FnOnce() -> Result<(), String>) {
        println!("\n=== {name}");
        let started = Instant::now();
        let end = match act() {
            Ok(()) => End::Passed,
            Err(reason) => End::Failed(reason),
        };
        self.end(name, started, end);
    }

    /// Does something whose failure is a reason to skip.
    pub fn attempt<T>(
        &mut self,
        name: &str,
        attempt: impl FnOnce() -> Result<T, String>,
    ) -> Option<T> {
        println!("\n=== {name}");
        let started = Instant::now();
        match attempt() {
            Ok(done) => {
                self.end(name, started, End::Passed);
                Some(done)
            }
            Err(reason) => {
                println!("skipped: {reason}");
                self.end(name, started, End::Skipped(reason));
                None
            }
        }
    }

    /// Leaves a check out, for a reason.
    pub fn skip(&mut self, name: &str, reason: String) {
        println!("\n=== {name}\nskipped: {reason}");
        self.end(name, Instant::now(), End::Skipped(reason));
    }

    fn end(&mut self, name: &str, started: Instant, end: End) {
        self.checks.push(Check {
            name: name.to_owned(),
            took: started.elapsed(),
            end,
        });
    }

    /// Prints a line for each check and the count; fails if one failed.
    pub fn finish(self) -> ExitCode {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        println!("\n=== summary");
        for check in &self.checks {
            let (word, more) = match &check.end {
                End::Passed => {
                    passed += 1;
                    ("passed", String::new())
                }
                End::Failed(reason) => {
                    failed += 1;
                    ("FAILED", format!(": {reason}"))
                }
                End::Skipped(reason) => {
                    skipped += 1;
                    ("skipped", format!(": {reason}"))
                }
            };
            let seconds = check.took.as_secs();
            println!("{word:<8} {seconds:>5} s  {}{more}", check.name);
        }
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
