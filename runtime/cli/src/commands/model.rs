//! `meterbox model`: says what a model is, and what a call on it costs. Computes nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use meterbox_inference::{
    Blueprint, Breakdown, Cost, DeclaredDimension, Expected, InputShape, Layer, ModelLimits,
    Operations, Port,
};
use serde_json::{Value, json};

use super::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{Ended, program};

/// Look at models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    Inspect(InspectArguments),
}

/// Say what a model is: its inputs, outputs, operators and parameters, and what a call costs, layer by layer.
///
/// The cost is that of given shapes: those that the model fixes, and those of `--shape`. It is what a job is
/// charged for the call on every machine, before it runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  meterbox model inspect magika.onnx --shape bytes=1x2048\n  meterbox model inspect resnet50.onnx --format json"
)]
pub struct InspectArguments {
    /// The model
    #[arg(value_name = "M.onnx")]
    input: PathBuf,

    /// The shape of an input, such as `image=1x3x224x224`; `number=` for one without dimensions
    #[arg(long = "shape", value_name = "NAME=SIZES", value_parser = shape)]
    shapes: Vec<(String, Vec<u32>)>,

    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs one of the commands.
pub fn run(command: &ModelCommand) -> Ended {
    match command {
        ModelCommand::Inspect(arguments) => inspect(arguments),
    }
}

fn shape(text: &str) -> Result<(String, Vec<u32>), String> {
    let (name, sizes) = text
        .rsplit_once('=')
        .ok_or("it has no `=` between the input's name and its sizes")?;
    let sizes = sizes.split('x').filter(|_| !sizes.is_empty());
    let sizes = sizes.map(|size| {
        size.parse()
            .map_err(|_| format!("`{size}` is no size: write them as in 1x3x224x224"))
    });
    Ok((name.to_owned(), sizes.collect::<Result<_, _>>()?))
}

fn inspect(arguments: &InspectArguments) -> Ended {
    // Nothing is computed here, so that what a call would hold in memory is told and not refused.
    let defaults = ModelLimits::default();
    let limits = ModelLimits {
        working_bytes_max: u64::MAX,
        ..defaults.clone()
    };
    let bytes = program::read_at_most(&arguments.input, limits.bytes_max)?;
    let refused = |message: &str, cause: &(dyn std::error::Error + 'static)| {
        let path = arguments.input.display();
        Failure::caused(Exit::Refused, format!("`{path}` {message}"), cause)
    };
    let blueprint = Blueprint::read(&bytes, &limits)
        .map_err(|error| refused("is no model that can be used", &error))?;
    let shapes = match shapes(&blueprint, &arguments.shapes) {
        Ok(shapes) => Ok(shapes),
        Err(open) if arguments.shapes.is_empty() => Err(open),
        Err(open) => return Err(Failure::new(Exit::Usage, open)),
    };
    let call = match shapes {
        Err(open) => Err(open),
        Ok(shapes) => {
            let inputs: Vec<InputShape<'_>> = shapes.iter().map(Chosen::as_input).collect();
            let breakdown = blueprint
                .breakdown(&inputs)
                .map_err(|error| refused("has no cost for these shapes", &error))?;
            Ok((shapes, breakdown))
        }
    };
    let text = match arguments.format {
        Format::Json => format!("{:#}\n", as_json(&blueprint, call.as_ref().ok())),
        Format::Text => as_text(
            &blueprint,
            call.as_ref().map_err(String::as_str),
            defaults.working_bytes_max,
        ),
    };
    crate::ui::print(&text)?;
    Ok(Exit::Ok)
}

/// An input with the dimensions of the call.
struct Chosen<'a> {
    port: &'a Port,
    dimensions: Vec<u32>,
}

impl Chosen<'_> {
    fn as_input(&self) -> InputShape<'_> {
        InputShape {
            name: &self.port.name,
            dimensions: &self.dimensions,
            element_type: self.port.element_type,
        }
    }
}

/// The dimensions of every input: what was given for it, or what the model fixes. What is left open is
/// named in the error.
fn shapes<'a>(
    blueprint: &'a Blueprint,
    given: &[(String, Vec<u32>)],
) -> Result<Vec<Chosen<'a>>, String> {
    for (index, (name, _)) in given.iter().enumerate() {
        let escaped = name.escape_debug();
        if !blueprint.inputs().iter().any(|port| port.name == *name) {
            let names = blueprint
                .inputs()
                .iter()
                .map(|port| port.name.escape_debug());
            let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
            return Err(format!(
                "the model has no input `{escaped}`, but {}",
                names.join(", ")
            ));
        }
        if given.iter().take(index).any(|(before, _)| before == name) {
            return Err(format!("`--shape` names `{escaped}` twice"));
        }
    }
    blueprint
        .inputs()
        .iter()
        .map(|port| {
            let found = given.iter().find(|(name, _)| *name == port.name);
            let dimensions = match found {
                Some((_, dimensions)) => dimensions.clone(),
                None => fixed(port)?,
            };
            Ok(Chosen { port, dimensions })
        })
        .collect()
}

fn fixed(port: &Port) -> Result<Vec<u32>, String> {
    let name = port.name.escape_debug();
    let Some(declared) = &port.dimensions else {
        return Err(format!(
            "input `{name}` leaves the number of its dimensions open: say `--shape {name}=…`"
        ));
    };
    let sizes = declared
        .iter()
        .enumerate()
        .map(|(index, dimension)| match dimension {
            DeclaredDimension::Fixed(size) => Ok(*size),
            DeclaredDimension::Named(open) => Err(format!("`{}`", open.escape_debug())),
            DeclaredDimension::Any => Err(format!("number {}", index + 1)),
        });
    sizes.collect::<Result<Vec<u32>, String>>().map_err(|open| {
        format!("input `{name}` leaves dimension {open} open: say `--shape {name}=…`")
    })
}

fn by_precision(operations: &Operations) -> [(&'static str, u64); 5] {
    [
        ("f64", operations.f64),
        ("f32", operations.f32),
        ("f16", operations.f16),
        ("i8", operations.i8),
        ("i4", operations.i4),
    ]
}

fn as_text(
    blueprint: &Blueprint,
    call: Result<&(Vec<Chosen<'_>>, Breakdown), &str>,
    working_bytes_max: u64,
) -> String {
    let mut text = format!(
        "a model of {} bytes, version {} of ONNX's operators\n\
         sha256 {}\n\
         {} nodes, {} parameters; preparing it is charged {} operations of f32\n",
        blueprint.size_bytes(),
        blueprint.opset(),
        hex(&blueprint.digest()),
        blueprint.nodes(),
        blueprint.parameters(),
        blueprint.preparation_units(),
    );
    for (side, ports) in [
        ("inputs", blueprint.inputs()),
        ("outputs", blueprint.outputs()),
    ] {
        text.push_str(&format!("\n{side}\n"));
        for port in ports {
            let name = port.name.escape_debug();
            text.push_str(&format!(
                "  {name}  {} {}\n",
                port.element_type,
                declared(port)
            ));
        }
    }
    text.push_str("\noperators\n");
    for (operator, count) in blueprint.operators() {
        text.push_str(&format!("  {count:>6}  {operator}\n"));
    }
    match call {
        Ok((shapes, breakdown)) => {
            text.push_str(&call_as_text(shapes, breakdown));
            if breakdown.working_bytes > working_bytes_max {
                text.push_str(&format!(
                    "  more than the {working_bytes_max} bytes that a call may hold by default\n"
                ));
            }
        }
        Err(open) => text.push_str(&format!("\nno cost yet: {open}\n")),
    }
    text
}

fn call_as_text(shapes: &[Chosen<'_>], breakdown: &Breakdown) -> String {
    let mut text = "\na call with\n".to_owned();
    for shape in shapes {
        let sizes: Vec<String> = shape.dimensions.iter().map(u32::to_string).collect();
        let (name, sizes) = (shape.port.name.escape_debug(), sizes.join("x"));
        text.push_str(&format!("  {name}  {} {sizes}\n", shape.port.element_type));
    }
    text.push_str(
        "\n    operations  mult-accumulates  weight bytes  by        output            operator, node\n",
    );
    for layer in &breakdown.layers {
        text.push_str(&layer_as_text(layer));
    }
    let cost = &breakdown.cost;
    text.push_str("\nis charged\n");
    for (precision, operations) in by_precision(&cost.operations) {
        if operations > 0 {
            text.push_str(&format!("  {operations:>16} operations of {precision}\n"));
        }
    }
    let products: u128 = breakdown
        .layers
        .iter()
        .map(|layer| u128::from(layer.multiply_accumulates))
        .sum();
    text.push_str(&format!(
        "  {:>16} bytes of weights\n  {:>16} bytes of tensors\n\n\
         {products} of the operations multiply and accumulate; the call holds {} bytes\n",
        cost.weight_bytes, cost.tensor_bytes, breakdown.working_bytes,
    ));
    text
}

fn layer_as_text(layer: &Layer) -> String {
    let classes = by_precision(&layer.cost.operations);
    let used = classes.iter().filter(|(_, operations)| *operations > 0);
    let used: Vec<&str> = used.map(|(precision, _)| *precision).collect();
    let total: u128 = classes.iter().map(|(_, count)| u128::from(*count)).sum();
    let output = layer.outputs.first().map(sizes).unwrap_or_default();
    format!(
        "  {total:>12}  {:>16}  {:>12}  {:<8}  {output:<16}  {} {}\n",
        layer.multiply_accumulates,
        layer.cost.weight_bytes,
        used.join("+"),
        layer.operator,
        layer.node.escape_debug(),
    )
}

/// Sizes such as `1x64x<=9`: what is only bounded is marked.
fn sizes(expected: &Expected) -> String {
    let sizes = expected.dimensions.iter().zip(&expected.is_bound);
    let sizes: Vec<String> = sizes
        .map(|(size, is_bound)| format!("{}{size}", if *is_bound { "<=" } else { "" }))
        .collect();
    sizes.join("x")
}

fn declared(port: &Port) -> String {
    let Some(dimensions) = &port.dimensions else {
        return "of any dimensions".to_owned();
    };
    let sizes: Vec<String> = dimensions.iter().map(open).collect();
    format!("[{}]", sizes.join(", "))
}

fn open(dimension: &DeclaredDimension) -> String {
    match dimension {
        DeclaredDimension::Fixed(size) => size.to_string(),
        DeclaredDimension::Named(name) => name.escape_debug().to_string(),
        DeclaredDimension::Any => "?".to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn as_json(blueprint: &Blueprint, call: Option<&(Vec<Chosen<'_>>, Breakdown)>) -> Value {
    let operators: Vec<Value> = blueprint
        .operators()
        .iter()
        .map(|(operator, count)| json!({"operator": operator, "nodes": count.to_string()}))
        .collect();
    json!({
        "schema": 1,
        "sha256": hex(&blueprint.digest()),
        "bytes": blueprint.size_bytes().to_string(),
        "opset": blueprint.opset(),
        "nodes": blueprint.nodes().to_string(),
        "parameters": blueprint.parameters().to_string(),
        "preparation_operations": blueprint.preparation_units().to_string(),
        "inputs": ports_as_json(blueprint.inputs()),
        "outputs": ports_as_json(blueprint.outputs()),
        "operators": operators,
        "call": call.map(|(shapes, breakdown)| call_as_json(shapes, breakdown)),
    })
}

fn ports_as_json(ports: &[Port]) -> Vec<Value> {
    ports
        .iter()
        .map(|port| {
            let dimensions = port.dimensions.as_ref();
            let dimensions = dimensions.map(|all| all.iter().map(open).collect::<Vec<_>>());
            json!({
                "name": port.name,
                "type": port.element_type.name(),
                "dimensions": dimensions,
            })
        })
        .collect()
}

fn call_as_json(shapes: &[Chosen<'_>], breakdown: &Breakdown) -> Value {
    let inputs: Vec<Value> = shapes
        .iter()
        .map(|shape| {
            json!({
                "name": shape.port.name,
                "type": shape.port.element_type.name(),
                "dimensions": shape.dimensions,
            })
        })
        .collect();
    let layers: Vec<Value> = breakdown
        .layers
        .iter()
        .map(|layer| {
            let mut told = cost_as_json(&layer.cost);
            told["node"] = json!(layer.node);
            told["operator"] = json!(layer.operator);
            told["multiply_accumulates"] = json!(layer.multiply_accumulates.to_string());
            told["outputs"] = expected_as_json(&layer.outputs);
            told
        })
        .collect();
    let mut cost = cost_as_json(&breakdown.cost);
    cost["tensor_bytes"] = json!(breakdown.cost.tensor_bytes.to_string());
    json!({
        "inputs": inputs,
        "outputs": expected_as_json(&breakdown.outputs),
        "cost": cost,
        "working_bytes": breakdown.working_bytes.to_string(),
        "layers": layers,
    })
}

fn cost_as_json(cost: &Cost) -> Value {
    let classes = by_precision(&cost.operations);
    let operations =
        classes.map(|(precision, count)| (precision.to_owned(), json!(count.to_string())));
    json!({
        "operations": Value::Object(operations.into_iter().collect()),
        "weight_bytes": cost.weight_bytes.to_string(),
    })
}

fn expected_as_json(expected: &[Expected]) -> Value {
    let all = expected.iter().map(|expected| {
        json!({
            "type": expected.element_type.name(),
            "dimensions": expected.dimensions,
            "is_bound": expected.is_bound,
        })
    });
    Value::Array(all.collect())
}
