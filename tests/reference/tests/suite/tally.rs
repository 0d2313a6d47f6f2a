//! What a run of the suite counts. Judges nothing.

use std::collections::BTreeMap;

#[derive(Default)]
pub struct Tally {
    /// By the kind of directive.
    passed: BTreeMap<&'static str, usize>,
    /// By the reason.
    skipped: BTreeMap<String, usize>,
    pub failures: Vec<String>,
}

/// What one directive came to.
pub enum Verdict {
    Passed,
    /// With the reason.
    Skipped(String),
    Failed(String),
}

impl Tally {
    pub fn note(&mut self, place: &str, kind: &'static str, verdict: Verdict) {
        match verdict {
            Verdict::Passed => *self.passed.entry(kind).or_default() += 1,
            Verdict::Skipped(reason) => {
                *self.skipped.entry(format!("{kind}: {reason}")).or_default() += 1;
            }
            Verdict::Failed(why) => self.failures.push(format!("{place}: {kind}: {why}")),
        }
    }

    pub fn passed(&self) -> usize {
        self.passed.values().sum()
    }

    pub fn print(&self) {
        for (kind, count) in &self.passed {
            println!("passed {count:>6} {kind}");
        }
        println!("passed {:>6} in all", self.passed());
        for (reason, count) in &self.skipped {
            println!("skipped {count:>5} {reason}");
        }
        for failure in &self.failures {
            println!("failed {failure}");
        }
    }
}
