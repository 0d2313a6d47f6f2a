//! The rule by which times become weights. Measures nothing.
//!
//! One unit is what an operator of the class `simple` takes in ordinary code, where of three or four
//! operators one computes and the others fetch what it computes with, and where some wait for each
//! other and some do not: a quarter of the geometric mean, over the simple operators measured, of
//! the two times that each has, at once and in turn.
//!
//! - The cost of an operator is the geometric mean of its two times, and the cost of a class the
//!   geometric mean of its operators: a program that uses a class does so in ways that differ by
//!   factors, and a geometric mean is as far, by factor, from the best of them as from the worst.
//! - An operator that reaches memory costs the geometric mean of its access in order and of its
//!   worst access (a chase for loads, otherwise at random).
//! - What comes and goes (pages, instances, elements) costs a third of what the dearest probe took: it
//!   is not always used, and a program that does nothing else may take three times what it pays for.
//! - What is admitted costs the geometric mean of its probes, in a unit of its own: 10 ns. Otherwise
//!   whole language runtimes would take more units than anybody can read.
//! - A weight is the cost in units, rounded, and at least one; a tier's is at least that of the tier
//!   before it.
//!
//! These are where the search for bad programs begins, not where it ends: `docs/fair-prices.md`.

use std::collections::BTreeMap;

use meterbox_meter::{Class, Tier};

use crate::memory::Access;

/// Simple operators for one that computes: it, its operands, and where its result goes.
const OPERATORS_PER_COMPUTATION: f64 = 4.0;
/// Nanoseconds of an admission unit.
const ADMISSION_UNIT_NS: f64 = 10.0;
/// How many times what it pays for a program may take.
const GOAL: f64 = 3.0;
/// No time is measured as less: a tenth of a clock's cycle.
const NS_MIN: f64 = 0.03;

/// Costs by class and tier.
#[derive(Default)]
pub struct Weights {
    /// Logarithms of costs.
    operators: BTreeMap<&'static str, Vec<f64>>,
    accesses: BTreeMap<(&'static str, &'static str), f64>,
    dearest: BTreeMap<&'static str, f64>,
}

impl Weights {
    pub fn operator(&mut self, class: Class, at_once_ns: f64, in_turn_ns: f64) {
        let log = |ns: f64| ns.max(NS_MIN).ln();
        self.operators
            .entry(class.name())
            .or_default()
            .push((log(at_once_ns) + log(in_turn_ns)) / 2.0);
    }

    pub fn access(&mut self, access: &Access) {
        let worst = access.chase_ns.unwrap_or(access.random_ns);
        let ns = (access.sequential_ns.max(NS_MIN) * worst.max(NS_MIN)).sqrt();
        self.accesses
            .insert((access.class.name(), access.tier.name()), ns);
    }

    pub fn creation(&mut self, class: Class, ns: f64) {
        let dearest = self.dearest.entry(class.name()).or_default();
        *dearest = dearest.max(ns / GOAL);
    }

    pub fn admission(&mut self, class: Class, ns: f64) {
        let cost = ns / ADMISSION_UNIT_NS * self.unit_ns();
        self.operator(class, cost, cost);
    }

    pub fn unit_ns(&self) -> f64 {
        self.mean(Class::Simple).unwrap_or(1.0) / OPERATORS_PER_COMPUTATION
    }

    fn mean(&self, class: Class) -> Option<f64> {
        let logs = self.operators.get(class.name())?;
        let count = u32::try_from(logs.len()).map_or(1.0, f64::from);
        Some((logs.iter().sum::<f64>() / count).exp())
    }

    /// The cost of a class in a tier.
    pub fn ns(&self, class: Class, tier: Tier) -> Option<f64> {
        self.accesses
            .get(&(class.name(), tier.name()))
            .or(self.dearest.get(class.name()))
            .copied()
            .or_else(|| self.mean(class))
    }

    /// The weight that follows, in whole units.
    pub fn proposed(&self, class: Class, tier: Tier) -> Option<u64> {
        if class == Class::Simple {
            return Some(1);
        }
        Tier::ALL
            .iter()
            .take_while(|before| **before != tier)
            .chain([&tier])
            .filter_map(|tier| self.ns(class, *tier))
            .map(|ns| whole(ns / self.unit_ns()).max(1))
            .max()
    }
}

/// The whole number next to it.
fn whole(units: f64) -> u64 {
    // Through text, which says what becomes of every float, negative and huge ones included.
    format!("{units:.0}").parse().unwrap_or(0)
}
