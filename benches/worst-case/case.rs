//! A program to be judged, and its judgement: nanoseconds for each unit, metered. Knows no program.

use std::time::Instant;

use meterbox_benches::guest::{Cost, Guest, Laboratory, on_large_stack};
use meterbox_benches::loops::{Loop, binary};
use meterbox_meter::Tier;

/// A run is long enough to be timed, and short enough to be left alone by the system.
const RUN_NS: f64 = 1.5e6;
const LAPS_MAX: u32 = 1 << 24;
const ROUNDS: usize = 5;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    /// A call; the instance stays.
    Call,
    /// An instance's whole life, with one call of so many laps.
    Life(u32),
    /// The same on a stack that nobody touched before.
    FreshStack(u32),
}

/// A program under a name.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub text: String,
    pub span: Span,
    /// Whether it does little but wait for memory, load by load.
    pub chases: bool,
}

/// What a case costs.
#[derive(Debug, Clone)]
pub struct Judged {
    pub case: Case,
    pub ns_per_unit: f64,
}

impl Case {
    pub fn new(name: impl Into<String>, looped: &Loop) -> Case {
        Case {
            name: name.into(),
            text: looped.module(),
            span: Span::Call,
            chases: false,
        }
    }

    /// The case as an instance's whole life.
    pub fn life(self, laps: u32) -> Case {
        Case {
            span: Span::Life(laps),
            ..self
        }
    }

    /// The same on a stack that nobody touched before.
    pub fn fresh_stack(self, laps: u32) -> Case {
        Case {
            span: Span::FreshStack(laps),
            ..self
        }
    }

    /// The case as one that waits for memory.
    pub fn chasing(self) -> Case {
        Case {
            chases: true,
            ..self
        }
    }

    /// Runs it; nothing if it traps, is refused, or is charged by another tier.
    pub fn judged(self, laboratory: &Laboratory, tier: Tier) -> Option<Judged> {
        let program = match laboratory.metered(&binary(&self.text)) {
            Ok(program) if program.tier() == Some(tier) => program,
            Ok(_) => return None,
            Err(error) => {
                eprintln!("{} is refused: {error}", self.name);
                return None;
            }
        };
        let ns_per_unit = match self.span {
            Span::Call => {
                let mut guest = laboratory.start(&program);
                guest.set_up();
                per_call(&mut guest, "f", RUN_NS, ROUNDS)?
            }
            Span::Life(laps) => least(|| life(laboratory, &program, laps))?,
            Span::FreshStack(laps) => {
                least(|| on_large_stack(|| life(laboratory, &program, laps)))?
            }
        };
        Some(Judged {
            case: self,
            ns_per_unit,
        })
    }
}

fn least(judge: impl Fn() -> Option<f64>) -> Option<f64> {
    (0..ROUNDS)
        .map(|_| judge())
        .try_fold(f64::MAX, |least, ns| Some(least.min(ns?)))
}

fn life(
    laboratory: &Laboratory,
    program: &meterbox_benches::guest::Program,
    laps: u32,
) -> Option<f64> {
    let began = Instant::now();
    let mut guest = laboratory.start(program);
    let units = guest.declared + guest.call("f", laps)?.units;
    drop(guest);
    let ns = began.elapsed().as_secs_f64() * 1e9;
    Some(Cost { ns, units }.ns_per_unit())
}

/// The least nanoseconds for each unit of an export in so many rounds; nothing if it traps.
pub fn per_call(guest: &mut Guest, export: &str, run_ns: f64, rounds: usize) -> Option<f64> {
    let mut laps = 1;
    let mut cost = guest.call(export, laps)?;
    while laps < LAPS_MAX && cost.ns < run_ns {
        laps *= 2;
        cost = guest.call(export, laps)?;
    }
    let mut least = cost.ns_per_unit();
    for _ in 0..rounds {
        least = least.min(guest.call(export, laps)?.ns_per_unit());
    }
    Some(least)
}

/// How much memory programs of a tier have: bytes that they go through, and their pages.
pub fn memory(tier: Tier) -> (u32, (u32, u32)) {
    match tier {
        Tier::Small => (1 << 20, (16, 16)),
        Tier::Medium => (32 << 20, (512, 512)),
        Tier::Large => (1 << 30, (16_384, 16_384)),
    }
}
