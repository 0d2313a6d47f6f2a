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

    /// A line for each kind, each reason and each failure.
    pub fn summary(&self) -> String {
        let passed = self
            .passed
            .iter()
            .map(|(kind, count)| format!("passed {count:>6} {kind}"));
        let all = format!("passed {:>6} in all", self.passed());
        let skipped = (self.skipped.iter()).map(|(why, count)| format!("skipped {count:>5} {why}"));
        let failed = self
            .failures
            .iter()
            .map(|failure| format!("failed {failure}"));
        let lines: Vec<String> = passed.chain([all]).chain(skipped).chain(failed).collect();
        lines.join("\n")
    }
}
