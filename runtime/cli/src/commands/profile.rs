//! `meterbox profile`: runs a job once, and says which functions its instructions went to. Bills nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use inferno::flamegraph;
use meterbox_provider::Profiled;
use meterbox_sandbox::{FunctionUnits, Nobody, Observer, OptLevel, Profile, ProfiledFunction};
use serde_json::{Value, json};

use super::Format;
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, write_file};
use crate::ordering::{JobArguments, Request};
use crate::report::{self, grouped};
use crate::ui::{self, Ui, Watcher};

/// Frames of one stack in a flame graph: what is called deeper is drawn as its caller, since nobody can see
/// it, and stacks of a deep recursion would take more memory than there is.
const FRAMES_MAX: u32 = 256;

/// The flame graph of a job that spent nothing.
const NO_GRAPH: &str = concat!(
    r#"<svg xmlns="http://www.w3.org/2000/svg" width="400" height="40">"#,
    r#"<text x="10" y="25" font-family="sans-serif">no instructions were spent</text></svg>"#,
    "\n"
);

/// Say which functions a job's instructions go to, as a table and as a flame graph.
///
/// The job is run once, and not billed. Its instructions are counted, not sampled: the sum is what `run` bills,
/// and the same on every machine. What a command prints is left out.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox profile job.toml --input photo=cat.png --out flame.svg"
)]
pub struct ProfileArguments {
    #[command(flatten)]
    job: JobArguments,

    /// Write a flame graph to this file
    #[arg(long, value_name = "FLAME.svg")]
    out: Option<PathBuf>,

    /// Write the stacks to this file, a line each, for other programs that draw flame graphs
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,

    /// How many functions to list in the table
    #[arg(long, value_name = "N", default_value = "20")]
    top: usize,

    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the job and prints its profile.
pub fn run(arguments: &ProfileArguments, home: Option<&Path>, ui: &Ui) -> Ended {
    let home = Home::find(home)?;
    let request = Request::read(&arguments.job)?;
    let (job, material) = request.stage(&home.store()?)?;
    let observer: Arc<dyn Observer> = if request.is_command {
        Arc::new(Nobody)
    } else {
        Arc::new(Watcher::new(ui, false))
    };
    let profiled =
        meterbox_provider::profile(&job, &request.limits, &material, OptLevel::Speed, observer)?;
    let Some(profile) = &profiled.profile else {
        return Err(Failure::new(
            Exit::Limit,
            "the job did not begin: creating its instances takes more than its limit",
        )
        .hint("raise the limit with --limit-instructions"));
    };
    let names = names(profile);
    if arguments.out.is_some() || arguments.folded.is_some() {
        let stacks = folded(profile, &names);
        if let Some(path) = &arguments.folded {
            write_file(path, stacks.as_bytes())?;
        }
        if let Some(path) = &arguments.out {
            write_file(path, &flame_graph(&stacks, &request.name)?)?;
        }
    }
    let text = match arguments.format {
        Format::Json => format!("{:#}\n", as_json(&profiled, profile, &names)),
        Format::Text => as_text(&profiled, profile, &names, arguments.top),
    };
    ui::print(&text)?;
    Ok(report::exit_of(&profiled.outcome))
}

/// What the functions are called: as their language writes it, if that is known.
fn names(profile: &Profile) -> Vec<String> {
    let one_module = profile
        .functions
        .iter()
        .all(|function| function.module == 0);
    let name = |function: &ProfiledFunction| match &function.name {
        Some(name) if !name.is_empty() => format!("{:#}", rustc_demangle::demangle(name))
            .escape_debug()
            .to_string(),
        _ if one_module => format!("function[{}]", function.index),
        _ => format!("module[{}] function[{}]", function.module, function.index),
    };
    profile.functions.iter().map(name).collect()
}

/// What instances declare: billed before any function runs.
fn declared(profiled: &Profiled, profile: &Profile) -> u128 {
    let units = u128::from(profile.units());
    profiled.usage.instructions.saturating_sub(units)
}

/// The functions that were called, those with the most units of their own first.
fn ranked(profile: &Profile) -> Vec<(usize, FunctionUnits)> {
    let mut functions: Vec<_> = profile.by_function().into_iter().enumerate().collect();
    functions.retain(|(_, units)| units.calls > 0);
    functions.sort_by_key(|(at, units)| (std::cmp::Reverse(units.self_units), *at));
    functions
}

fn as_text(profiled: &Profiled, profile: &Profile, names: &[String], top: usize) -> String {
    let all = profiled.usage.instructions;
    let number = |units: u128| grouped(&units.to_string());
    let share = |units: u128| {
        let per_mille = (units * 1_000).checked_div(all).unwrap_or(0);
        format!("{}.{}", per_mille / 10, per_mille % 10)
    };
    let row = |own: u128, total: &str, calls: &str, name: &str| {
        format!(
            "{:>20}  {:>5}  {total:>20}  {calls:>14}  {name}\n",
            number(own),
            share(own)
        )
    };
    let mut text = format!(
        "{}\n\n{:>20}  {:>5}  {:>20}  {:>14}  function\n",
        report::outcome(&profiled.outcome),
        "self",
        "%",
        "with callees",
        "calls"
    );
    let functions = ranked(profile);
    for (at, units) in functions.iter().take(top) {
        text.push_str(&row(
            u128::from(units.self_units),
            &number(u128::from(units.total_units)),
            &number(u128::from(units.calls)),
            &names[*at],
        ));
    }
    let rest = functions.get(top..).unwrap_or_default();
    if !rest.is_empty() {
        let units = rest.iter().map(|(_, units)| u128::from(units.self_units));
        let name = format!("({} more functions: `--top` lists them)", rest.len());
        text.push_str(&row(units.sum(), "", "", &name));
    }
    let declared = declared(profiled, profile);
    text.push_str(&row(declared, "", "", "(declared: creating the instances)"));
    text.push_str(&row(all, "", "", "instructions, as `run` bills them"));
    text
}

fn as_json(profiled: &Profiled, profile: &Profile, names: &[String]) -> Value {
    let functions: Vec<Value> = ranked(profile)
        .into_iter()
        .map(|(at, units)| {
            let function = &profile.functions[at];
            json!({
                "module": function.module,
                "index": function.index,
                "name": names[at],
                "calls": units.calls.to_string(),
                "self": units.self_units.to_string(),
                "with_callees": units.total_units.to_string(),
            })
        })
        .collect();
    json!({
        "schema": 1,
        "outcome": report::outcome(&profiled.outcome),
        "instructions": profiled.usage.instructions.to_string(),
        "declared": declared(profiled, profile).to_string(),
        "functions": functions,
    })
}

/// The stacks, a line each: frames from the outermost on, and their units. A function that calls itself is
/// one frame.
fn folded(profile: &Profile, names: &[String]) -> String {
    struct Frame {
        function: usize,
        caller: Option<usize>,
        depth: u32,
        units: u64,
    }
    let mut frames: Vec<Frame> = Vec::new();
    let mut known: HashMap<(Option<usize>, usize), usize> = HashMap::new();
    let mut frame_of: Vec<usize> = Vec::with_capacity(profile.calls.len());
    for path in &profile.calls {
        let caller = path.caller.map(|caller| frame_of[caller]);
        let depth = caller.map_or(0, |caller| frames[caller].depth + 1);
        let at = match caller {
            Some(at) if frames[at].function == path.function || depth >= FRAMES_MAX => at,
            _ => *known.entry((caller, path.function)).or_insert_with(|| {
                frames.push(Frame {
                    function: path.function,
                    caller,
                    depth,
                    units: 0,
                });
                frames.len() - 1
            }),
        };
        frames[at].units = frames[at].units.saturating_add(path.self_units);
        frame_of.push(at);
    }
    let mut text = String::new();
    for frame in frames.iter().filter(|frame| frame.units > 0) {
        let mut stack = vec![as_frame(&names[frame.function])];
        let mut caller = frame.caller;
        while let Some(frame) = caller.map(|at| &frames[at]) {
            stack.push(as_frame(&names[frame.function]));
            caller = frame.caller;
        }
        stack.reverse();
        text.push_str(&format!("{} {}\n", stack.join(";"), frame.units));
    }
    text
}

/// A name as a frame of a line of stacks, in which `;` divides frames, and a number after a space is a count.
fn as_frame(name: &str) -> String {
    let mut frame = name.replace(';', ":");
    for digit in '0'..='9' {
        frame = frame.replace(&format!(" {digit}"), &format!("\u{a0}{digit}"));
    }
    frame
}

fn flame_graph(stacks: &str, name: &str) -> Result<Vec<u8>, Failure> {
    if stacks.is_empty() {
        return Ok(NO_GRAPH.into());
    }
    let mut options = flamegraph::Options::default();
    options.title = format!("instructions of {name}");
    options.count_name = "instructions".into();
    options.deterministic = true;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, stacks.lines(), &mut svg)
        .map_err(|error| Failure::caused(Exit::Fault, "the flame graph cannot be drawn", &error))?;
    Ok(svg)
}
