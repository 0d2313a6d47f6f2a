//! What each class of operators costs on this machine, without the meter, and the weights that would
//! follow: `cargo xtask bench calibrate`. Changes no schedule.
//!
//! The rule for a weight is in [`weights`].
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]

mod admission;
mod creation;
mod memory;
mod operators;
mod probe;
mod weights;

use clap::Parser;
use meterbox_benches::guest::{Laboratory, on_large_stack};
use meterbox_benches::machine;
use meterbox_benches::table::{Table, figure};
use meterbox_meter::{Class, Tier};

use operators::Operator;
use probe::Pair;
use weights::Weights;

/// Measure what each class of operators costs.
#[derive(Parser)]
struct Arguments {
    /// How often each loop is run; the least time counts.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// What cargo gives every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    on_large_stack(|| calibrate(arguments.rounds));
}

fn calibrate(rounds: usize) {
    println!("{}\n", machine::description());
    let laboratory = Laboratory::new(true);
    let mut weights = Weights::default();
    let mut table = Table::new(&["operator", "class", "ns at once", "ns in turn"]);
    let all = [
        operators::scalar(),
        operators::arithmetic(),
        operators::calls(),
        operators::exceptions(),
    ];
    for operator in all.iter().flatten() {
        let (at_once, in_turn) = (
            ns(&laboratory, operator, &operator.throughput, 8, rounds),
            ns(&laboratory, operator, &operator.latency, 1, rounds),
        );
        weights.operator(operator.class, at_once, in_turn);
        table.row([
            operator.name.to_owned(),
            operator.class.name().to_owned(),
            figure(at_once),
            figure(in_turn),
        ]);
    }
    println!("{}", table.text());

    let mut table = Table::new(&["class", "tier", "ns in order", "ns at random", "ns chasing"]);
    for access in memory::measure(&laboratory, rounds.min(5)) {
        table.row([
            access.class.name().to_owned(),
            access.tier.name().to_owned(),
            figure(access.sequential_ns),
            figure(access.random_ns),
            access.chase_ns.map_or_else(String::new, figure),
        ]);
        weights.access(&access);
    }
    println!("{}", table.text());

    let mut table = Table::new(&["creation", "class", "ns"]);
    for (class, what, ns) in creation::measure(&laboratory, rounds) {
        weights.creation(class, ns);
        table.row([what.to_owned(), class.name().to_owned(), figure(ns)]);
    }
    println!("{}", table.text());

    let mut table = Table::new(&["admission", "class", "ns"]);
    for quantity in admission::measure(&Laboratory::new(false), rounds) {
        weights.admission(quantity.class, quantity.ns);
        table.row([
            quantity.name.to_owned(),
            quantity.class.name().to_owned(),
            figure(quantity.ns),
        ]);
    }
    println!("{}", table.text());

    println!("one unit is {} ns\n", figure(weights.unit_ns()));
    let mut table = Table::new(&["class", "tier", "ns", "weight", "proposed"]);
    for class in Class::ALL {
        let tiers = if class.has_tiers() {
            &Tier::ALL[..]
        } else {
            &Tier::ALL[..1]
        };
        for tier in tiers {
            let measured = weights.ns(*class, *tier);
            table.row([
                class.name().to_owned(),
                if class.has_tiers() { tier.name() } else { "" }.to_owned(),
                measured.map_or_else(|| "not measured".to_owned(), figure),
                class.weight(*tier).to_string(),
                weights
                    .proposed(*class, *tier)
                    .map_or_else(String::new, |weight| weight.to_string()),
            ]);
        }
    }
    println!("{}", table.text());
}

fn ns(
    laboratory: &Laboratory,
    operator: &Operator,
    (pattern, base): &(String, String),
    chains: usize,
    rounds: usize,
) -> f64 {
    Pair::repeated(&operator.frame, pattern, base, chains).ns(laboratory, rounds) / operator.parts
}
