//! Workers are killed at random while a provider runs jobs: no job is lost, none is done twice, none is
//! billed for anything else than what it used, and nothing is told twice.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::Envelope;
use meterbox_billing::key::SigningKey;
use meterbox_billing::receipt::Receipt;
use meterbox_provider::ledger::Ledger;
use meterbox_provider::{Host, Material, Policy, Provider, ProviderError};
use meterbox_sandbox::{Observer, OptLevel, Sandbox, Stop, WorkerSettings};
use meterbox_tests::{in_an_hour, now, order};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How often a worker is killed.
const KILLS: usize = 1_000;

/// Jobs that run at the same time.
const AT_ONCE: usize = 3;

/// Works for some milliseconds, and says after each part of its work what it has come to.
const PROGRAM: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\02\00\00\00a\0a")
    (func (export "_start") (local $round i32) (local $step i32)
        (loop $rounds
            (local.set $step (i32.const 300000))
            (loop $steps
                (i32.store (i32.const 64) (i32.mul (i32.load (i32.const 64)) (i32.const 1664525)))
                (br_if $steps (local.tee $step (i32.sub (local.get $step) (i32.const 1)))))
            (i32.store8 (i32.const 8) (i32.add (i32.const 97) (local.get $round)))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
            (br_if $rounds (i32.lt_u
                (local.tee $round (i32.add (local.get $round) (i32.const 1)))
                (i32.const 20))))))"#;

/// Hears what a job says.
#[derive(Default)]
struct Heard(Mutex<Vec<u8>>);

impl Observer for Heard {
    fn stdout(&self, bytes: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(bytes);
    }
}

fn provider(ledger: &Path) -> Provider {
    let settings = WorkerSettings {
        arguments: vec!["worker".into()],
        ..WorkerSettings::new(env!("CARGO_BIN_EXE_meterbox").into())
    };
    Provider::new(
        SigningKey::from_bytes(&[1; 32]),
        meterbox_billing::rate_card::default_card().unwrap(),
        &Policy::default(),
        Ledger::open(ledger, Duration::from_secs(1)).unwrap(),
        Host { device: None, now },
        Sandbox::with_workers(OptLevel::Speed, settings).unwrap(),
        in_an_hour(),
    )
    .unwrap()
}

/// Runs one order until there is a receipt: a fault is reported, and the order given again.
fn done(
    provider: &Provider,
    order: &Envelope,
    program: &[u8],
    faults: &AtomicUsize,
) -> (Receipt, Vec<u8>) {
    loop {
        let heard = Arc::new(Heard::default());
        let observer: Arc<dyn Observer> = Arc::clone(&heard) as _;
        let material = Material {
            program: program.to_vec(),
            inputs: vec![],
        };
        match provider.run(order, &material, observer, &Stop::new()) {
            Ok(completed) => {
                assert!(!completed.is_repeat, "an order is done once");
                let said = heard.0.lock().unwrap().clone();
                return (completed.document, said);
            }
            // Its workers died three times in a row: reported, released, and not billed.
            Err(ProviderError::Fault(_)) => faults.fetch_add(1, Ordering::Relaxed),
            Err(error) => panic!("{error:?}"),
        };
    }
}

#[test]
fn workers_that_are_killed_a_thousand_times_lose_double_and_misbill_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.sqlite");
    let provider = provider(&ledger);
    let requestor = SigningKey::from_bytes(&[2; 32]);
    let program = wat::parse_str(PROGRAM).unwrap();
    let module = Digest::of(&program);
    let faults = AtomicUsize::new(0);

    // What it comes to when nobody is killed.
    let undisturbed = order(provider.offer(), module, "kill-0", &requestor);
    let began = Instant::now();
    let (expected, said) = done(&provider, &undisturbed, &program, &faults);
    println!(
        "a job takes {:?} undisturbed, its compilation included",
        began.elapsed()
    );
    let expected = expected.reproducible().bytes().unwrap();
    assert_eq!(faults.load(Ordering::Relaxed), 0);

    let (next, is_over) = (AtomicUsize::new(1), AtomicBool::new(false));
    let receipts: Mutex<BTreeMap<usize, u64>> = Mutex::default();
    let killed = std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let id = format!("kill-{number}");
                    let order = order(provider.offer(), module, &id, &requestor);
                    let (receipt, heard) = done(&provider, &order, &program, &faults);
                    assert!(receipt.reproducible().bytes().unwrap() == expected);
                    assert!(heard == said, "said twice, or not at all");
                    let sequence = receipt.attested().sequence;
                    receipts.lock().unwrap().insert(number, sequence);
                }
            });
        }
        let killed = kill_at_random(&provider);
        is_over.store(true, Ordering::Relaxed);
        killed
    });

    let receipts = receipts.into_inner().unwrap();
    println!(
        "{killed} kills, {} jobs done, {} faults reported and given again",
        receipts.len(),
        faults.load(Ordering::Relaxed)
    );
    assert_eq!(killed, KILLS);
    let ordered = next.load(Ordering::Relaxed) - 1;
    assert_eq!(receipts.len(), ordered, "no job is lost");
    drop(provider);

    // The ledger as it is on disk has each of them once, and balances.
    let ledger = Ledger::open(&ledger, Duration::from_secs(1)).unwrap();
    assert_eq!(ledger.recovered(), []);
    assert_eq!(ledger.check().unwrap(), []);
    assert_eq!(ledger.next_sequence().unwrap(), ordered as u64 + 1);
    let mut sequences: Vec<u64> = receipts.values().copied().collect();
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!(sequences.len(), ordered, "none is recorded twice");
    for (number, sequence) in receipts {
        let id = format!("kill-{number}").parse().unwrap();
        let recorded = ledger.receipt(&id).unwrap().expect("each has its receipt");
        let receipt: Receipt = Envelope::from_bytes(&recorded)
            .unwrap()
            .document_unverified()
            .unwrap();
        assert_eq!(receipt.attested().sequence, sequence);
        assert!(receipt.reproducible().bytes().unwrap() == expected);
    }
}

/// Kills any of the workers, at any time; and now and then the process that forks them.
fn kill_at_random(provider: &Provider) -> usize {
    let mut dice = ChaCha20Rng::seed_from_u64(9);
    let mut killed = 0;
    while killed < KILLS {
        let pids = provider.worker_pids();
        let Some(at) = dice.next_u64().checked_rem(pids.len() as u64) else {
            continue;
        };
        let pid = pids[usize::try_from(at).unwrap()];
        let target = if killed % 100 == 99 {
            parent_of(pid).unwrap_or(pid)
        } else {
            pid
        };
        let status = Command::new("kill")
            .args(["-9", &target.to_string()])
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        // One that has just ended cannot be killed.
        killed += usize::from(status.success());
        std::thread::sleep(Duration::from_micros(dice.next_u64() % 12_000));
    }
    killed
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("PPid:"))?;
    let parent: u32 = line[5..].trim().parse().ok()?;
    // The zygote, never this process.
    (parent > 1 && parent != std::process::id()).then_some(parent)
}
