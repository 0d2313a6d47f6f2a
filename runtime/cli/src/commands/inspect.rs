//! `meterbox inspect`: says what a program is, and what it costs before it runs.

use std::path::PathBuf;

use clap::Args;
use meterbox_meter::{FunctionFacts, Kind, Metered, ModuleFacts};
use serde_json::{Value, json};

use super::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{Ended, program};

/// Functions that are listed at most, those with the most operators first.
const FUNCTIONS_LISTED: usize = 20;

/// Say what a program is: its imports, what it needs, what admitting it costs, and which loops are counted.
///
/// A counted loop is charged ahead, for all of its laps at once, so that metering it costs next to nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meterbox inspect prog.wasm")]
pub struct InspectArguments {
    /// The program
    #[arg(value_name = "M.wasm")]
    input: PathBuf,

    /// The order's limit on memory, which decides the memory tier together with what the program declares
    #[arg(long, value_name = "BYTES")]
    limit_memory: Option<u64>,

    /// List all functions, not only the largest
    #[arg(long)]
    all: bool,

    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Prints what the program is.
pub fn run(arguments: &InspectArguments) -> Ended {
    let bytes = program::read(&arguments.input)?;
    let options = meterbox_meter::Options {
        memory_bytes_max: arguments.limit_memory,
        ..meterbox_meter::Options::default()
    };
    let metered = meterbox_meter::meter_with(&bytes, &options)
        .map_err(|error| Failure::from(meterbox_provider::ProviderError::from(error)))?;
    let text = match arguments.format {
        Format::Json => format!("{:#}\n", as_json(&metered)),
        Format::Text => as_text(&metered, arguments.all),
    };
    crate::ui::print(&text)?;
    Ok(Exit::Ok)
}

fn kind(metered: &Metered) -> &'static str {
    match metered.kind {
        Kind::Module => "module",
        Kind::Component => "component",
    }
}

fn loops(module: &ModuleFacts) -> (u64, u64) {
    let all = module.functions.iter().map(|function| function.loops);
    let counted = module
        .functions
        .iter()
        .map(|function| function.counted_loops);
    (all.sum(), counted.sum())
}

fn as_text(metered: &Metered, all: bool) -> String {
    let admission = &metered.admission;
    let declared = metered.declared;
    let mut text = format!(
        "a {} of {} bytes, {} metered; memory tier `{}`\n\
         needs at its start {} pages of memory, {} table elements: {} units\n\
         admission {} units: {} operators, {} blocks, {} locals, {} carried locals, {} branch targets, \
         {} trampolines of {} values\n",
        kind(metered),
        admission.bytes,
        metered.bytes.len(),
        metered.tier.name(),
        declared.memory_pages,
        declared.table_elements,
        declared.units,
        admission.units(),
        admission.operators,
        admission.blocks,
        admission.locals,
        admission.carried_locals,
        admission.branch_targets,
        admission.trampolines,
        admission.trampoline_values,
    );
    for (number, module) in metered.modules.iter().enumerate() {
        let (loops, counted) = loops(module);
        let small = module.functions.iter().filter(|function| function.small);
        text.push_str(&format!(
            "\ncore module {number}: {} functions, {} of them small; {loops} loops, {counted} counted; {} \
             memories, {} tables\n",
            module.functions.len(),
            small.count(),
            module.memories,
            module.tables,
        ));
        for (from, name) in &module.imports {
            let (from, name) = (from.escape_debug(), name.escape_debug());
            text.push_str(&format!("  imports {from} {name}\n"));
        }
        for name in &module.exports {
            text.push_str(&format!("  exports {}\n", name.escape_debug()));
        }
        text.push_str(&functions_as_text(module, all));
    }
    text
}

fn functions_as_text(module: &ModuleFacts, all: bool) -> String {
    let mut functions: Vec<&FunctionFacts> = module.functions.iter().collect();
    functions.sort_by_key(|function| std::cmp::Reverse(function.operators));
    let listed = if all {
        functions.len()
    } else {
        FUNCTIONS_LISTED.min(functions.len())
    };
    if listed == 0 {
        return String::new();
    }
    let mut text = "  operators  loops  counted  stack units  function\n".to_owned();
    for function in &functions[..listed] {
        let name = function.name.as_deref().unwrap_or("");
        let small = if function.small { " (small)" } else { "" };
        text.push_str(&format!(
            "  {:>9}  {:>5}  {:>7}  {:>11}  {} {}{small}\n",
            function.operators,
            function.loops,
            function.counted_loops,
            function.frame_units,
            function.index,
            name.escape_debug(),
        ));
    }
    if listed < functions.len() {
        let left = functions.len() - listed;
        text.push_str(&format!("  and {left} smaller ones: `--all` lists them\n"));
    }
    text
}

fn as_json(metered: &Metered) -> Value {
    let admission = &metered.admission;
    let modules: Vec<Value> = metered.modules.iter().map(module_as_json).collect();
    json!({
        "schema": 1,
        "kind": kind(metered),
        "bytes": admission.bytes.to_string(),
        "bytes_metered": metered.bytes.len().to_string(),
        "memory_tier": metered.tier.name(),
        "declared": {
            "instructions": metered.declared.units.to_string(),
            "memory_pages": metered.declared.memory_pages.to_string(),
            "table_elements": metered.declared.table_elements.to_string(),
        },
        "admission": {
            "units": admission.units().to_string(),
            "operators": admission.operators.to_string(),
            "blocks": admission.blocks.to_string(),
            "locals": admission.locals.to_string(),
            "carried_locals": admission.carried_locals.to_string(),
            "branch_targets": admission.branch_targets.to_string(),
            "trampolines": admission.trampolines.to_string(),
            "trampoline_values": admission.trampoline_values.to_string(),
        },
        "modules": modules,
    })
}

fn module_as_json(module: &ModuleFacts) -> Value {
    let functions: Vec<Value> = module
        .functions
        .iter()
        .map(|function| {
            json!({
                "index": function.index,
                "name": function.name,
                "operators": function.operators,
                "loops": function.loops,
                "counted_loops": function.counted_loops,
                "small": function.small,
                "stack_units": function.frame_units,
            })
        })
        .collect();
    json!({
        "imports": module.imports,
        "exports": module.exports,
        "memories": module.memories,
        "tables": module.tables,
        "functions": functions,
    })
}
