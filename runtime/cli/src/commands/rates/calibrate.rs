//! `meterbox rates calibrate`: measures what this machine does in a second, and proposes a rate card by what its hour
//! should cost.

mod models;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::rate_card::calibration::{Measured, Wish, calibrate};
use meterbox_billing::text::Id;
use meterbox_billing::timestamp::Timestamp;
use meterbox_billing::usage::Meter;
use meterbox_inference::Engine;
use meterbox_sandbox::{Job, Limits, Nobody, OptLevel, Outcome, Ran, Sandbox};

use crate::commands::billing::parse_time;
use crate::engine::EngineArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::write_file;
use crate::ordering::{after, now};
use crate::ui::{self, Ui};
use crate::{Ended, program, workers};

/// How long a card is valid if nobody says.
const YEAR_SECONDS: u64 = 366 * 24 * 60 * 60;

/// Bytes of a page of linear memory.
const PAGE_BYTES: u128 = 65_536;

/// Measure what this machine does in a second, and propose a rate card by what its hour should cost.
///
/// Under the card, a job that does nothing but use up one thing for an hour costs the target: instructions, memory,
/// host calls, bytes in and out, model operations, or compiling. One that uses up several at once pays for each. What
/// is measured is one processor core; memory is what the machine has. Model operations are those of products of
/// matrices, in each precision, by the library and on the device that will compute with models: with `--gpu`, an hour
/// of computing with models is one of that GPU. Do not run anything else meanwhile.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox rates calibrate --per-hour 0.05 --id my-card --out my-card.toml\n  meterbox rates diff default my-card.toml\n  \
                  meterbox rates calibrate --per-hour 0.05 --inference-per-hour 2.50 --engine onnxruntime --gpu 0"
)]
pub struct CalibrateArguments {
    /// What an hour of a core should cost
    #[arg(long, value_name = "AMOUNT")]
    per_hour: Amount,

    /// What an hour of all of the memory should cost [default: as much]
    #[arg(long, value_name = "AMOUNT")]
    memory_per_hour: Option<Amount>,

    /// What an hour of computing with models should cost [default: as much as --per-hour]
    #[arg(long, value_name = "AMOUNT")]
    inference_per_hour: Option<Amount>,

    /// The currency
    #[arg(long, value_name = "CODE", default_value = "USD")]
    currency: Currency,

    /// The card's name
    #[arg(long, value_name = "ID", default_value = "calibrated")]
    id: Id,

    /// From when it is valid: a day, or a moment [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    valid_from: Option<Timestamp>,

    /// Until when it is valid [default: a year later]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    valid_until: Option<Timestamp>,

    /// The fee of each job
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    fee_per_job: Amount,

    /// What a job costs at least
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    minimum_charge: Amount,

    /// What a cancelled job costs that had to be killed
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    cancellation_charge: Amount,

    /// For how long each thing is measured
    #[arg(long, value_name = "SECONDS", default_value = "2")]
    seconds: u64,

    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    engine: EngineArguments,
}

/// Measures and proposes.
pub(super) fn run(arguments: &CalibrateArguments, _home: Option<&Path>, ui: &Ui) -> Ended {
    let time = Duration::from_secs(arguments.seconds.clamp(1, 600));
    // SAFETY: this program has started no thread yet, and computed nothing: models are measured as workers compute.
    let _ = unsafe { meterbox_sandbox::enter_bit_exact_class() };
    let engine =
        Engine::open(&arguments.engine.settings()?).map_err(|error| workers::no_engine(&error))?;
    let rates = {
        let _working = ui.working("measuring");
        measure(time, &engine, ui)?
    };
    let from = arguments.valid_from.unwrap_or_else(now);
    let per_hour = arguments.per_hour;
    let wished = |meter: Meter| match meter {
        Meter::MemoryPageInstructions => arguments.memory_per_hour.unwrap_or(per_hour),
        _ if Meter::INFERENCE_OPS.contains(&meter) => {
            arguments.inference_per_hour.unwrap_or(per_hour)
        }
        _ => per_hour,
    };
    let wish = Wish {
        id: arguments.id.clone(),
        currency: arguments.currency,
        valid_from: from,
        valid_until: arguments
            .valid_until
            .unwrap_or_else(|| after(from, YEAR_SECONDS)),
        minor_unit_digits: arguments.currency.minor_unit_digits(),
        fee_per_job: arguments.fee_per_job,
        minimum_charge: arguments.minimum_charge,
        cancellation_charge: arguments.cancellation_charge,
        measured: rates
            .into_iter()
            .map(|(meter, units_per_second)| Measured {
                meter,
                units_per_second,
                per_hour: wished(meter),
            })
            .collect(),
    };
    let proposal = calibrate(&wish)
        .map_err(|error| Failure::caused(Exit::Refused, "there is no such card", &error))?;
    for price in &proposal.prices {
        ui.say(&format!(
            "{:34} {:>20} a second, {} an hour",
            price.meter, price.units_per_second, price.per_hour
        ));
    }
    match &arguments.out {
        Some(path) => write_file(path, proposal.toml.as_bytes())?,
        None => ui::print(&proposal.toml)?,
    }
    Ok(Exit::Ok)
}

/// Arithmetic of whole numbers and floats, loads and stores, and branches: what compiled programs do.
const WORK: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "_start") (local $i i32) (local $a i64) (local $x f64)
        (local.set $a (i64.const 88172645463325252))
        (loop $again
            (local.set $a (i64.xor (local.get $a) (i64.shl (local.get $a) (i64.const 13))))
            (local.set $a (i64.xor (local.get $a) (i64.shr_u (local.get $a) (i64.const 7))))
            (i64.store (i32.and (local.get $i) (i32.const 0xfff8)) (local.get $a))
            (local.set $x (f64.add (f64.mul (local.get $x) (f64.const 0.5))
                (f64.convert_i64_s (i64.load (i32.and (i32.wrap_i64 (local.get $a)) (i32.const 0xfff8))))))
            (if (i64.eqz (i64.and (local.get $a) (i64.const 3)))
                (then (local.set $x (f64.neg (local.get $x)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const COUNT))))
        (f64.store (i32.const 0) (local.get $x))))"#;

/// Calls of the host that do next to nothing.
const CALLS: &str = r#"(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") (local $i i32)
        (loop $again
            (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 8)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const COUNT))))))"#;

/// Bytes from the host, as many at once as are worth it.
const BYTES: &str = r#"(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (memory (export "memory") 17)
    (func (export "_start") (local $i i32)
        (loop $again
            (drop (call $random (i32.const 0) (i32.const 1048576)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const COUNT))))))"#;

/// Units a second of everything that is measured.
fn measure(time: Duration, engine: &Engine, ui: &Ui) -> Result<Vec<(Meter, u128)>, Failure> {
    let sandbox = Sandbox::new(OptLevel::Speed)
        .map_err(|error| Failure::caused(Exit::Fault, "the engine does not start", &error))?;
    let instructions = rate(&sandbox, WORK, time, &|ran| ran.measured.spent.instructions)?;
    let host_calls = rate(&sandbox, CALLS, time, &|ran| ran.measured.host_calls)?;
    let bytes = rate(&sandbox, BYTES, time, &|ran| ran.measured.bytes_in)?;
    let pages = memory_bytes()? / PAGE_BYTES;
    let mut rates = vec![
        (Meter::Instructions, instructions),
        (
            Meter::MemoryPageInstructions,
            instructions.saturating_mul(pages),
        ),
        (Meter::HostCalls, host_calls),
        (Meter::BytesIn, bytes),
        (Meter::BytesOut, bytes),
        (Meter::AdmissionUnits, admission(&sandbox, time)?),
    ];
    rates.extend(models::rates(engine, time, ui)?);
    Ok(rates)
}

fn limits() -> Limits {
    Limits {
        instructions: 1 << 60,
        host_calls: 1 << 60,
        bytes_in: 1 << 60,
        ..Limits::default()
    }
}

/// Units a second of a program that counts up to a number, which is raised until it takes the time.
fn rate(
    sandbox: &Sandbox,
    text: &str,
    time: Duration,
    units: &dyn Fn(&Ran) -> u64,
) -> Result<u128, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::caused(Exit::Fault, "a measurement failed", error)
    };
    let mut count: u32 = 64;
    loop {
        let bytes = wat::parse_str(text.replace("COUNT", &count.to_string()))
            .map_err(|error| failed(&error))?;
        let metered = meterbox_sandbox::meter(&bytes).map_err(|error| failed(&error))?;
        let compiled = sandbox.compile(metered).map_err(|error| failed(&error))?;
        let began = Instant::now();
        let ran = sandbox.run(
            &compiled,
            Arc::new(Job::default()),
            &limits(),
            Arc::new(Nobody),
        );
        let took = began.elapsed();
        let ran = ran.map_err(|error| failed(&error))?;
        if ran.outcome != Outcome::Ok {
            return Err(Failure::new(
                Exit::Fault,
                format!("a measurement ended with {:?}", ran.outcome),
            ));
        }
        if took >= time || count > u32::MAX / 4 {
            return Ok(per_second(units(&ran).into(), took));
        }
        let is_far = took < time / 8;
        count = count.saturating_mul(if is_far { 4 } else { 2 });
    }
}

/// How often something was done in a second, that was done so often in a time.
fn per_second(units: u128, took: Duration) -> u128 {
    units.saturating_mul(1_000_000_000) / took.as_nanos().max(1)
}

/// Units a second of checking and compiling a program of a thousand functions.
fn admission(sandbox: &Sandbox, time: Duration) -> Result<u128, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::caused(Exit::Fault, "a measurement failed", error)
    };
    let body = "(func (param i32 i32) (result i32) (local i64)
        (loop (local.set 2 (i64.add (local.get 2) (i64.extend_i32_u (local.get 0))))
            (br_if 0 (i32.lt_u (i32.wrap_i64 (local.get 2)) (local.get 1))))
        (i32.wrap_i64 (local.get 2)))";
    let text = format!(
        "(module (memory (export \"memory\") 1) (func (export \"_start\")) {})",
        body.repeat(1_000)
    );
    let bytes = wat::parse_str(&text).map_err(|error| failed(&error))?;
    let (began, mut units) = (Instant::now(), 0_u128);
    while began.elapsed() < time {
        let metered = meterbox_sandbox::meter(&bytes).map_err(|error| failed(&error))?;
        units = units.saturating_add(metered.admission.units().into());
        sandbox.compile(metered).map_err(|error| failed(&error))?;
    }
    Ok(per_second(units, began.elapsed()))
}

/// The machine's memory.
fn memory_bytes() -> Result<u128, Failure> {
    let path = Path::new("/proc/meminfo");
    let bytes = program::read_at_most(path, 1 << 20)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u128>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| {
        Failure::new(
            Exit::File,
            "`/proc/meminfo` does not say how much memory there is",
        )
    })
}
