//! Compares what `meterbox model inspect` says of models with what others say: multiply-accumulates of
//! standard networks with published counts and plain formulas, and the outputs of ONNX's node tests with
//! the ones that must come out. The models come from PyPI. A wrong shape would be a wrong bill.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::meterbox::Meterbox;
use crate::packages;
use crate::project::Project;

/// What brings the models.
const TOOLS: [&str; 1] = ["onnx==1.23.2"];

/// What is asked of that library.
const SCRIPT: &str = include_str!("counts.py");

/// Multiply-accumulates of one picture as they are published, in millions, and by whom. Networks of the
/// same name that are cut differently (the AlexNet of two groups, the first Inception with its 5 × 5
/// windows) have no published count as exact as this, and are compared with the plain formulas only.
const PUBLISHED: [(&str, f64, &str); 4] = [
    (
        "densenet121",
        2834.0,
        "torchvision's table of weights, DenseNet121",
    ),
    (
        "resnet50",
        4089.0,
        "torchvision's table of weights, ResNet50",
    ),
    (
        "squeezenet",
        349.0,
        "torchvision's table of weights, SqueezeNet1_1",
    ),
    ("vgg19", 19632.0, "torchvision's table of weights, VGG19"),
];

/// How far ours may be from what is published, which is rounded.
const DIFFERENCE_MAX: f64 = 0.001;

pub fn run(project: &Project) -> Result<ExitCode> {
    let folder = project.target.join("counts");
    let tools = folder.join("tools");
    if let Err(error) = packages::bring(&tools, &TOOLS) {
        println!("skipped: the models cannot be brought here: {error:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let facts = folder.join("facts");
    println!("writing the models and what is known of them");
    let script = folder.join("counts.py");
    fs::write(&script, SCRIPT)?;
    let _ = fs::remove_dir_all(&facts);
    fs::create_dir_all(&facts)?;
    let status = Command::new(tools.join("bin/python"))
        .args(["-W", "ignore"])
        .args([&script, &facts])
        .status()?;
    ensure!(status.success(), "the models could not be written");
    let meterbox = Meterbox::build(project, &folder.join("home"))?;
    let networks = networks(&meterbox, &facts)?;
    let nodes = nodes(&meterbox, &facts)?;
    Ok(if networks && nodes {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the program says of a model with these shapes: an error's text when it refuses.
fn inspect(
    meterbox: &Meterbox,
    model: &Path,
    shapes: &[String],
) -> Result<std::result::Result<Value, String>> {
    let mut command = Command::new(meterbox.program());
    command
        .args(["model", "inspect", "--format", "json"])
        .arg(model);
    for shape in shapes {
        command.args(["--shape", shape]);
    }
    let output = command.output()?;
    match output.status.code() {
        Some(0) => Ok(Ok(serde_json::from_slice(&output.stdout)?)),
        Some(2 | 3) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said
                .lines()
                .rev()
                .find(|line| line.starts_with("caused by: "));
            let last = last.or(said.lines().next()).unwrap_or_default();
            Ok(Err(last.trim_start_matches("caused by: ").to_owned()))
        }
        code => bail!("{} ended with {code:?}: {output:?}", model.display()),
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

/// Prints our count of each network beside the others; whether all are near enough.
fn networks(meterbox: &Meterbox, facts: &Path) -> Result<bool> {
    let light: Vec<Value> = serde_json::from_slice(&fs::read(facts.join("light.json"))?)?;
    println!(
        "\n{:<14} {:>16} {:>16} {:>10}  published",
        "network", "ours", "plain formulas", "millions"
    );
    let mut all_near = true;
    for fact in &light {
        let model = PathBuf::from(fact["model"].as_str().context("a model has no path")?);
        let name = model.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.trim_start_matches("light_");
        let plain = number(&fact["plain"]).context("a model has no plain count")?;
        let told = inspect(meterbox, &model, &[])?;
        let told = told.map_err(|error| anyhow::anyhow!("{name} is refused: {error}"))?;
        let layers = told["call"]["layers"].as_array();
        let ours: u64 = layers
            .with_context(|| format!("{name} has no layers"))?
            .iter()
            .filter_map(|layer| number(&layer["multiply_accumulates"]))
            .sum();
        let published = PUBLISHED.iter().find(|(network, ..)| *network == name);
        let (count, source) = match published {
            Some((_, millions, source)) => {
                let away = millions_of(ours) / millions - 1.0;
                all_near &= away.abs() <= DIFFERENCE_MAX;
                (
                    format!("{millions}"),
                    format!("{source}: {:+.4} %", away * 100.0),
                )
            }
            None => ("-".to_owned(), "of this form, none".to_owned()),
        };
        all_near &= ours == plain;
        println!("{name:<14} {ours:>16} {plain:>16} {count:>10}  {source}");
    }
    Ok(all_near)
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a comparison with what was rounded to four digits"
)]
fn millions_of(count: u64) -> f64 {
    count as f64 / 1e6
}

/// What came of a node test.
enum Verdict {
    Same,
    WithinBound,
    Refused(String),
    Wrong(String),
}

/// Prints what came of the node tests; whether none is wrong.
fn nodes(meterbox: &Meterbox, facts: &Path) -> Result<bool> {
    let mut cases: Vec<PathBuf> = fs::read_dir(facts.join("nodes"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    cases.sort();
    let (mut same, mut bounded, mut wrong) = (0, 0, 0);
    let mut refused: BTreeMap<String, u32> = BTreeMap::new();
    for folder in &cases {
        match case(meterbox, folder)? {
            Verdict::Same => same += 1,
            Verdict::WithinBound => bounded += 1,
            Verdict::Refused(reason) => *refused.entry(general(&reason)).or_default() += 1,
            Verdict::Wrong(why) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                println!("wrong: {name}: {why}");
                wrong += 1;
            }
        }
    }
    let count: u32 = refused.values().sum();
    println!(
        "\n{} node tests: {same} with the outputs that must come out, {bounded} within their bounds, \
         {count} refused, {wrong} wrong",
        cases.len()
    );
    for (reason, count) in refused {
        println!("  {count:>4} refused: {reason}");
    }
    Ok(wrong == 0)
}

/// A reason without the names of one case.
fn general(reason: &str) -> String {
    let mut general = String::new();
    for (index, part) in reason.split('`').enumerate() {
        general.push_str(if index % 2 == 0 { part } else { "…" });
    }
    match general.split_once('[') {
        Some((before, _)) => before.trim_end().to_owned(),
        None => general,
    }
}

/// Compares a case; where its shapes depend on data, with its small inputs as constants.
fn case(meterbox: &Meterbox, folder: &Path) -> Result<Verdict> {
    let case: Value = serde_json::from_slice(&fs::read(folder.join("case.json"))?)?;
    let mut shapes = Vec::new();
    for input in case["inputs"].as_array().into_iter().flatten() {
        let sizes = input["dimensions"].as_array().into_iter().flatten();
        let sizes: Vec<String> = sizes.map(Value::to_string).collect();
        let name = input["name"].as_str().unwrap_or_default();
        shapes.push(format!("{name}={}", sizes.join("x")));
    }
    let told = match inspect(meterbox, &folder.join("model.onnx"), &shapes)? {
        Ok(told) => told,
        // Nor does a call take empty tensors, which some tests give for their type alone.
        Err(reason) if reason.contains("depends on data") || reason.contains("has dimensions") => {
            match inspect(meterbox, &folder.join("constants.onnx"), &[])? {
                Ok(told) if !told["call"].is_null() => told,
                _ => return Ok(Verdict::Refused(reason)),
            }
        }
        Err(reason) => return Ok(Verdict::Refused(reason)),
    };
    let ours = told["call"]["outputs"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let expected = case["outputs"].as_array().cloned().unwrap_or_default();
    let mut verdict = Verdict::Same;
    for (ours, expected) in ours.iter().zip(&expected) {
        match fits(ours, expected) {
            Some(true) => {}
            Some(false) => verdict = Verdict::WithinBound,
            None => return Ok(Verdict::Wrong(format!("ours {ours}, expected {expected}"))),
        }
    }
    if ours.len() != expected.len() {
        return Ok(Verdict::Wrong(format!("{} outputs", ours.len())));
    }
    Ok(verdict)
}

/// Whether an output is what must come out, exactly or (false) within a bound; none if it is not.
fn fits(ours: &Value, expected: &Value) -> Option<bool> {
    let sizes = |of: &Value| of["dimensions"].as_array().cloned().unwrap_or_default();
    let (left, right) = (sizes(ours), sizes(expected));
    if left.len() != right.len() || type_of(expected["type"].as_str()?)? != ours["type"].as_str()? {
        return None;
    }
    let mut exact = true;
    let bounds = ours["is_bound"].as_array().cloned().unwrap_or_default();
    for ((ours, expected), is_bound) in left.iter().zip(&right).zip(&bounds) {
        let (ours, expected) = (ours.as_u64()?, expected.as_u64()?);
        if ours != expected {
            exact = false;
            if *is_bound != Value::Bool(true) || expected > ours {
                return None;
            }
        }
    }
    Some(exact)
}

/// Our name for a type that ONNX names so.
fn type_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "double" => "f64",
        "float" => "f32",
        "float16" => "f16",
        "bfloat16" => "bf16",
        "int64" => "i64",
        "int32" => "i32",
        "int16" => "i16",
        "int8" => "i8",
        "int4" => "i4",
        "uint64" => "u64",
        "uint32" => "u32",
        "uint16" => "u16",
        "uint8" => "u8",
        "uint4" => "u4",
        "bool" => "bool",
        _ => return None,
    })
}
