//! Compares what an engine did with what the first one did. Runs nothing, and keeps nothing.

use std::collections::BTreeMap;

use meterbox_differential::case::{Call, Done, Ending};
use meterbox_differential::compare::settled;

use crate::engine::Answer;
use crate::program::Program;
use crate::reason::reason;

/// What came of one engine.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub engine: String,
    pub version: String,
    /// Programs that ran.
    pub programs: u64,
    pub runs: u64,
    pub returned: u64,
    pub trapped: u64,
    pub exceptions: u64,
    pub limited: u64,
    /// Programs that did not run, by reason.
    pub skipped: BTreeMap<String, u64>,
    pub mismatches: u64,
    /// Why the engine did not run at all.
    pub absent: Option<String>,
}

impl Row {
    /// Nothing yet, of this engine.
    pub fn of(engine: String) -> Self {
        Self {
            engine,
            ..Self::default()
        }
    }

    /// What came of it, in one line.
    pub fn told(&self) -> String {
        match &self.absent {
            Some(why) if self.mismatches > 0 => format!("MISMATCH: {why}"),
            Some(why) => format!("skipped: {why}"),
            None => format!(
                "{}: {} programs, {} runs, {} mismatches",
                self.version, self.programs, self.runs, self.mismatches
            ),
        }
    }

    /// Counts a program's runs, without comparing them.
    pub fn count(&mut self, runs: &[Done]) {
        self.programs += 1;
        for done in runs {
            self.runs += 1;
            match settled(done.clone()).ending {
                Ending::Returned(_) => self.returned += 1,
                Ending::Trapped(_) => self.trapped += 1,
                Ending::Exception => self.exceptions += 1,
                Ending::Limited => self.limited += 1,
            }
        }
    }

    /// Compares an answer with the first engine's; counts it, and says what differs.
    pub fn compare(
        &mut self,
        program: &Program,
        expected: &[Done],
        answer: &Answer,
    ) -> Option<String> {
        let (mismatches, what) = match answer {
            Answer::Ran(runs) => {
                self.count(runs);
                differing(program, expected, runs)?
            }
            Answer::Refused {
                takes_plain: false,
                why,
            } => {
                let skipped = self.skipped.entry(skip(program, why)).or_default();
                *skipped += 1;
                return None;
            }
            Answer::Refused {
                takes_plain: true,
                why,
            } => (
                1,
                format!("it takes the program as it came, but not metered: {why}"),
            ),
            Answer::Failed(why) => (1, format!("the engine broke: {why}")),
        };
        self.mismatches += mismatches;
        Some(what)
    }
}

/// How many runs of a program were not the same, and the first of them.
fn differing(program: &Program, expected: &[Done], found: &[Done]) -> Option<(u64, String)> {
    if found.len() != expected.len() {
        let (found, expected) = (found.len(), expected.len());
        return Some((1, format!("{found} runs instead of {expected}")));
    }
    let both = expected.iter().zip(found).zip(&program.calls);
    let mut differing = both.filter_map(|((expected, found), call)| {
        let (expected, found) = (settled(expected.clone()), settled(found.clone()));
        (!same(&expected, &found)).then(|| difference(call, &expected, &found))
    });
    let first = differing.next()?;
    Some((
        (1..).zip(differing).last().map_or(1, |(more, _)| more + 1),
        first,
    ))
}

/// Why a program is skipped that an engine does not take: what it needs, where that is known, in front of
/// the engine's own words.
fn skip(program: &Program, why: &str) -> String {
    let reason = reason(why);
    if program.needs.is_empty() {
        return reason;
    }
    format!("needs {} ({reason})", program.needs.join(" and "))
}

/// Whether two runs were the same. An engine's word may stand for several traps, named with `or`
/// between them.
fn same(expected: &Done, found: &Done) -> bool {
    let mut found = found.clone();
    if let (Ending::Trapped(one), Ending::Trapped(several)) = (&expected.ending, &found.ending)
        && several.split(" or ").any(|name| name == one)
    {
        found.ending = expected.ending.clone();
    }
    *expected == found
}

fn difference(call: &Call, expected: &Done, found: &Done) -> String {
    format!(
        "{}({:x?}), left {}, stack units {}\n  expected {expected:x?}\n  found    {found:x?}",
        call.export, call.arguments, call.left, call.stack_units
    )
}

#[cfg(test)]
mod tests {
    use meterbox_differential::engine::{Wasmtime, Way};

    use super::*;
    use crate::engine;
    use crate::program::{Origin, Programs};

    const LOOP: &str = r#"(module
      (memory (export "memory") 1)
      (func (export "sum") (param i32) (result i32) (local i32)
        (loop $again
          (local.set 1 (i32.add (local.get 1) (local.get 0)))
          (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 3)))))
        (i32.store (i32.const 8) (local.get 1))
        (local.get 1)))"#;

    fn program(text: &str) -> Program {
        let wasm = wat::parse_str(text).unwrap();
        let mut programs = Programs::default();
        let planner = Wasmtime::new(Way::Speed);
        programs.add("sum".to_owned(), Origin::Corpus, &wasm, &planner);
        assert!(programs.left_out.is_empty(), "{:?}", programs.left_out);
        programs.programs.remove(0)
    }

    fn answer(name: &str, program: &Program) -> Answer {
        let mut engine = engine::in_this_process(name).unwrap();
        let mut answers = engine.answer(std::slice::from_ref(program)).unwrap();
        answers.remove(0)
    }

    fn runs(program: &Program) -> Vec<Done> {
        match answer("wasmtime-speed", program) {
            Answer::Ran(runs) => runs,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_program_that_counts_otherwise_on_one_engine_is_a_mismatch() {
        let program = program(LOOP);
        let expected = runs(&program);
        let mut row = Row::default();
        assert_eq!(
            row.compare(&program, &expected, &answer("wasmtime-none", &program)),
            None
        );
        let mut dearer = program.clone();
        let text = LOOP.replace("(loop $again", "(loop $again (drop (i32.const 7))");
        dearer.metered = self::program(&text).metered;
        let what = row.compare(&program, &expected, &answer("wasmtime-none", &dearer));
        assert!(what.unwrap().contains("expected Done"));
        assert!(row.mismatches > 0);
    }

    #[test]
    fn one_bit_of_anything_that_is_seen_is_a_mismatch() {
        let program = program(LOOP);
        let expected = runs(&program);
        let changes: [fn(&mut Done); 7] = [
            |done| done.ending = Ending::Returned(Vec::new()),
            |done| done.left ^= 1,
            |done| done.stack_exhausted ^= true,
            |done| done.pages_grown ^= 1,
            |done| done.grown_low ^= 1,
            |done| done.grown_high ^= 1,
            |done| done.memories[0].1 ^= 1,
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut found = expected.clone();
            change(found.last_mut().unwrap());
            let mut row = Row::default();
            let what = row.compare(&program, &expected, &Answer::Ran(found));
            assert!(what.is_some() && row.mismatches == 1, "change {at}");
        }
        let fewer = Answer::Ran(expected[1..].to_vec());
        assert!(
            Row::default()
                .compare(&program, &expected, &fewer)
                .is_some()
        );
    }

    #[test]
    fn only_a_program_that_is_refused_as_it_came_is_skipped() {
        let program = program(LOOP);
        let expected = runs(&program);
        let refused = |takes_plain| Answer::Refused {
            why: "no loops".to_owned(),
            takes_plain,
        };
        let mut row = Row::default();
        assert_eq!(row.compare(&program, &expected, &refused(false)), None);
        assert_eq!((row.skipped["no loops"], row.mismatches), (1, 0));
        assert!(row.compare(&program, &expected, &refused(true)).is_some());
        let broke = Answer::Failed("it is gone".to_owned());
        assert!(row.compare(&program, &expected, &broke).is_some());
        assert_eq!(row.mismatches, 2);
    }

    #[test]
    fn an_engines_word_can_stand_for_two_traps() {
        let done = |ending: &str| Done::ended(Ending::Trapped(ending.to_owned()));
        let both = done("integer overflow or invalid conversion to integer");
        assert!(same(&done("integer overflow"), &both));
        assert!(!same(&done("integer divide by zero"), &both));
        assert!(!same(&done("unreachable"), &done("integer overflow")));
    }
}
