//! How long a trivial job takes from order to receipt, warm and in process: its program is compiled,
//! its order signed. `cargo bench -p meterbox-benches --bench start`
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use meterbox_benches::Samples;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::SigningKey;
use meterbox_billing::outcome::Outcome;
use meterbox_provider::ledger::Ledger;
use meterbox_provider::{Host, Material, Policy, Provider};
use meterbox_sandbox::{Nobody, OptLevel, Sandbox, Stop};
use meterbox_tests::{in_an_hour, now, order};

const WARM_UP: usize = 50;
const ROUNDS: usize = 2_000;

fn main() {
    let programs = [
        (
            "a component (hello, guest SDK)",
            std::fs::read(meterbox_tests::hello()).unwrap(),
        ),
        (
            "a command (exit_code, WASI 0.1)",
            std::fs::read(meterbox_tests::exit_code()).unwrap(),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let ledger =
        Ledger::open(&folder.path().join("ledger.sqlite"), Duration::from_secs(1)).unwrap();
    let card = meterbox_billing::rate_card::default_card().unwrap();
    let host = Host { device: None, now };
    let provider = Provider::new(
        SigningKey::from_bytes(&[1; 32]),
        card,
        &Policy::default(),
        ledger,
        host,
        Sandbox::new(OptLevel::Speed).unwrap(),
        in_an_hour(),
    )
    .unwrap();
    let requestor = SigningKey::from_bytes(&[2; 32]);
    let (mut totals, mut aparts) = (
        vec![Samples::default(); programs.len()],
        vec![Samples::default(); programs.len()],
    );
    for round in 0..WARM_UP + ROUNDS {
        // The programs take turns, so that what disturbs the machine disturbs both.
        for (index, (_, program)) in programs.iter().enumerate() {
            let order = order(
                provider.offer(),
                Digest::of(program),
                &format!("bench-{}", round * programs.len() + index),
                &requestor,
            );
            let material = Material {
                program: program.clone(),
                inputs: vec![],
            };
            let began = Instant::now();
            let completed = provider
                .run(&order, &material, Arc::new(Nobody), &Stop::new())
                .unwrap();
            let total = began.elapsed();
            assert!(matches!(
                completed.document.reproducible().outcome,
                Outcome::Ok {} | Outcome::Failed { .. }
            ));
            if round >= WARM_UP {
                totals[index].push(total);
                aparts[index].push(total - completed.ledger_time);
            }
        }
    }
    println!("order to receipt, warm, in process, {ROUNDS} rounds     p50        p99");
    for (index, (name, _)) in programs.iter().enumerate() {
        for (what, samples) in [
            ("ledger apart", &aparts[index]),
            ("with ledger", &totals[index]),
        ] {
            println!(
                "  {name:34} {what:13} {:>7} µs {:>7} µs",
                samples.percentile(50).as_micros(),
                samples.percentile(99).as_micros()
            );
        }
    }
}
