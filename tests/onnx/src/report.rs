//! Owns the counts of a run, and the document that tells users what each backend computes. Tries nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use meterbox_inference::EngineFacts;
use prost::Message as _;
use tract_onnx::pb;

use crate::verdict::{Refuser, Verdict};

/// What was found on all engines.
pub struct Report {
    cases: Vec<String>,
    /// The operator that each case is about.
    operators: Vec<String>,
    engines: Vec<(EngineFacts, Vec<Verdict>)>,
}

/// How many of each.
#[derive(Default, Clone)]
struct Counts {
    right: usize,
    refused: BTreeMap<Refuser, usize>,
    wrong: usize,
}

impl Report {
    pub fn new(folder: &Path, cases: Vec<String>) -> Self {
        let operators = cases.iter().map(|case| operator(folder, case)).collect();
        Self {
            cases,
            operators,
            engines: Vec::new(),
        }
    }

    pub fn add(&mut self, facts: &EngineFacts, verdicts: Vec<Verdict>) {
        self.engines.push((facts.clone(), verdicts));
    }

    /// Cases that came out wrong, on all engines together.
    pub fn wrong(&self) -> usize {
        self.engines
            .iter()
            .map(|(_, verdicts)| count(verdicts).wrong)
            .sum()
    }

    /// Prints the counts and what is wrong; each case too where few are looked at.
    pub fn print(&self, each: bool) {
        for (facts, verdicts) in &self.engines {
            let engine = title(facts);
            for (case, verdict) in self.cases.iter().zip(verdicts) {
                match verdict {
                    Verdict::Wrong { what } => println!("{engine}: {case}: WRONG: {what}"),
                    other if each => println!("{engine}: {case}: {other:?}"),
                    _ => {}
                }
            }
            println!("{engine}: {}", sentence(&count(verdicts)));
        }
    }

    /// `docs/operators.md`.
    pub fn document(&self) -> String {
        let mut text = String::from(
            "# Operators\n\n\
             What each [engine](engines.md) computes of the operators that ONNX defines, found by ONNX's own \
             node tests.\nA model that uses anything else is refused when it is loaded, or before its first \
             call, with the reason; what an\nengine is known to compute otherwise than ONNX defines it is \
             on a list, and refused by name.\n\n\
             Integers must be equal. Floats are compared as ONNX's runner compares them, to a thousandth of \
             what is expected\nand 10⁻⁷, or to the rounding of their type where that is coarser: two steps \
             of the element, or 32 of the largest in\nits tensor. Of operators that draw random numbers only \
             shapes and types are compared.\n\n\
             Written by `cargo xtask onnx-tests --write`.\n\n",
        );
        for (facts, verdicts) in &self.engines {
            let _ = writeln!(text, "- {}: {}", title(facts), sentence(&count(verdicts)));
        }
        let mut reasons: Vec<&str> = Vec::new();
        let mut rows = String::new();
        let names: BTreeSet<&String> = self.operators.iter().collect();
        for name in names {
            let cells = self
                .engines
                .iter()
                .map(|(_, verdicts)| self.cell(name, verdicts, &mut reasons));
            let _ = writeln!(
                rows,
                "| {name} | {} |",
                cells.collect::<Vec<_>>().join(" | ")
            );
        }
        let heads: Vec<&str> = self
            .engines
            .iter()
            .map(|(facts, _)| facts.kind.name())
            .collect();
        let _ = write!(
            text,
            "\nOf each operator: right, or how many of its tests are, and the reasons for which the \
             others are refused.\n\n| operator | {} |\n| --- |{}\n{rows}\n## Reasons\n\n",
            heads.join(" | "),
            " --- |".repeat(heads.len()),
        );
        for (number, reason) in reasons.iter().enumerate() {
            let _ = writeln!(text, "{}. {reason}", number.saturating_add(1));
        }
        text
    }

    /// One operator on one engine.
    fn cell<'a>(
        &'a self,
        name: &str,
        verdicts: &'a [Verdict],
        reasons: &mut Vec<&'a str>,
    ) -> String {
        let mine = self
            .operators
            .iter()
            .zip(verdicts)
            .filter(|(operator, _)| *operator == name)
            .map(|(_, verdict)| verdict);
        let mut counts = Counts::default();
        let mut why = BTreeSet::new();
        for verdict in mine {
            add(&mut counts, verdict);
            if let Verdict::Refused { reason, .. } = verdict {
                let number = reasons.iter().position(|known| known == reason);
                let number = number.unwrap_or_else(|| {
                    reasons.push(reason);
                    reasons.len().saturating_sub(1)
                });
                why.insert(number.saturating_add(1));
            }
        }
        let refused: usize = counts.refused.values().sum();
        let why: Vec<String> = why.iter().map(|number| format!("({number})")).collect();
        let why = why.join(" ");
        match (counts.right, refused, counts.wrong) {
            (_, 0, 0) => "right".to_owned(),
            (0, _, 0) => format!("refused {why}"),
            (right, refused, 0) => {
                format!(
                    "right in {right} of {} {why}",
                    right.saturating_add(refused)
                )
            }
            (_, _, wrong) => format!("WRONG in {wrong}"),
        }
    }
}

fn title(facts: &EngineFacts) -> String {
    match &facts.device_name {
        Some(device) => format!("{} {} on {device}", facts.kind, facts.version),
        None => format!("{} {}", facts.kind, facts.version),
    }
}

fn count(verdicts: &[Verdict]) -> Counts {
    let mut counts = Counts::default();
    for verdict in verdicts {
        add(&mut counts, verdict);
    }
    counts
}

fn add(counts: &mut Counts, verdict: &Verdict) {
    match verdict {
        Verdict::Right | Verdict::RightInShape => counts.right = counts.right.saturating_add(1),
        Verdict::Refused { by, .. } => {
            let slot = counts.refused.entry(*by).or_default();
            *slot = slot.saturating_add(1);
        }
        Verdict::Wrong { .. } => counts.wrong = counts.wrong.saturating_add(1),
    }
}

fn sentence(counts: &Counts) -> String {
    let of = |refuser| counts.refused.get(&refuser).copied().unwrap_or(0);
    let refused: usize = counts.refused.values().sum();
    format!(
        "{} right, {refused} refused ({} by the rules for all backends, {} by the backend's list, {} by \
         its library), {} wrong",
        counts.right,
        of(Refuser::Rules),
        of(Refuser::List),
        of(Refuser::Library),
        counts.wrong
    )
}

/// The operator that a case is about: the one whose name its own name has, or its first node's.
fn operator(folder: &Path, case: &str) -> String {
    // A case of one operator, written out in others, lies beside the case itself.
    let origin = case.find("_expanded").and_then(|end| case.get(..end));
    for name in origin.into_iter().chain([case]) {
        let Some(graph) = fs::read(folder.join(name).join("model.onnx"))
            .ok()
            .and_then(|bytes| pb::ModelProto::decode(bytes.as_slice()).ok()?.graph)
        else {
            continue;
        };
        let plain = name.replace('_', "");
        let named = graph
            .node
            .iter()
            .find(|node| plain.contains(&node.op_type.to_lowercase()));
        if let Some(node) = named.or_else(|| graph.node.first()) {
            return match node.domain.as_str() {
                "" | "ai.onnx" => node.op_type.clone(),
                domain => format!("{domain}.{}", node.op_type),
            };
        }
    }
    case.to_owned()
}
