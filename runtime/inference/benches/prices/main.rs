//! How long operators take for what they are charged, on each engine, beside a product of matrices: whether a
//! price is too low. `cargo xtask bench prices`
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "../../tests/suite/build.rs"]
#[allow(dead_code, reason = "tests build with all of it")]
mod build;
mod case;
mod cases;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use meterbox_inference::{
    Engine, EngineKind, EngineSettings, InputShape, Libraries, Model, ModelLimits,
};

use crate::case::Case;

/// An operation that takes more than so many times what one of a large product of matrices takes has too low a
/// price. What is usual comes to 1 to 20 times; a hundred would be within what instructions come to, of which a
/// unit does not take the same time either.
const TIMES_MAX: f64 = 150.0;

/// Calls of a case, of which the fastest counts; fewer where they take long.
const CALLS: usize = 7;
const CASE_TIME: Duration = Duration::from_millis(400);

/// The case that all others are measured by.
const STANDARD: &str = "MatMul 512";

/// What a call on the case takes and is charged.
fn measure(case: &Case, engine: &Engine) -> Result<(Duration, u64), String> {
    let bytes = case.model.bytes();
    let begun = Instant::now();
    let model = Model::load_on(&bytes, &ModelLimits::default(), engine)
        .map_err(|error| error.to_string())?;
    let shapes = case.inputs.iter().map(|(name, tensor)| InputShape {
        name,
        dimensions: tensor.dimensions(),
        element_type: tensor.element_type(),
    });
    let cost = model.cost(&shapes.collect::<Vec<_>>());
    let cost = cost.map_err(|error| error.to_string())?;
    let operations = cost.operations.total().ok_or("its cost overflows")?;
    let call = || {
        let begun = Instant::now();
        let outputs = model.compute(case.inputs.clone());
        outputs.map_err(|error| error.to_string())?;
        Ok::<Duration, String>(begun.elapsed())
    };
    call()?;
    if case.is_preparation {
        // The first call is among it.
        let charged = model.preparation_units().saturating_add(operations);
        return Ok((begun.elapsed(), charged));
    }
    let mut fastest = Duration::MAX;
    let all = Instant::now();
    for _ in 0..CALLS {
        fastest = fastest.min(call()?);
        if all.elapsed() > CASE_TIME {
            break;
        }
    }
    Ok((fastest, operations))
}

fn per_operation(took: Duration, operations: u64) -> f64 {
    took.as_secs_f64() * 1e9 / operations.max(1) as f64
}

fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::embedded()];
    if let Some(path) = std::env::var_os("METERBOX_ONNXRUNTIME").map(PathBuf::from) {
        let settings = EngineSettings {
            kind: EngineKind::OnnxRuntime,
            libraries: Libraries {
                onnxruntime: Some(path),
                ..Libraries::default()
            },
            ..EngineSettings::default()
        };
        engines.push(Engine::open(&settings).unwrap());
    }
    engines
}

fn main() -> ExitCode {
    let part = std::env::args().skip(1).find(|part| !part.starts_with('-'));
    let engines = engines();
    let all = cases::all();
    let standard = all.iter().find(|case| case.name == STANDARD).unwrap();
    let standards: Vec<f64> = engines
        .iter()
        .map(|engine| measure(standard, engine).unwrap())
        .map(|(took, operations)| per_operation(took, operations))
        .collect();
    print!("{:42}", "operations of one thread");
    for (engine, standard) in engines.iter().zip(&standards) {
        let (kind, standard) = (engine.facts().kind, standard * 1e3);
        print!(" {:>26}", format!("{kind} (1 = {standard:.0} ps)"));
    }
    println!();
    let (mut measured, mut refused, mut worst) = (0_u32, Vec::new(), Vec::new());
    for case in &all {
        if part.as_ref().is_some_and(|part| !case.name.contains(part)) {
            continue;
        }
        print!("{:42}", case.name);
        let mut is_measured = false;
        for (engine, standard) in engines.iter().zip(&standards) {
            match measure(case, engine) {
                Ok((took, operations)) => {
                    let times = per_operation(took, operations) / standard;
                    print!(" {:>12.2} ms {times:>9.1} ×", took.as_secs_f64() * 1e3);
                    worst.push((times, engine.facts().kind, case.name.as_str()));
                    is_measured = true;
                }
                Err(error) => {
                    print!(" {:>26}", "cannot");
                    refused.push(format!("{} on {}: {error}", case.name, engine.facts().kind));
                }
            }
        }
        println!();
        measured += u32::from(is_measured);
    }
    if measured == 0 {
        println!("no case has that in its name");
        return ExitCode::FAILURE;
    }
    worst.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
    println!("\n{measured} cases; what takes longest for what it is charged:");
    for (times, kind, name) in worst.iter().take(20) {
        println!("{times:>9.1} ×  {name}, {kind}");
    }
    println!("\nwhat an engine cannot compute:");
    for refusal in &refused {
        println!("{}", refusal.chars().take(140).collect::<String>());
    }
    let is_fair = worst.iter().all(|(times, ..)| *times <= TIMES_MAX);
    println!(
        "\nno more than {TIMES_MAX} times: {}",
        if is_fair { "yes" } else { "no" }
    );
    match is_fair {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
