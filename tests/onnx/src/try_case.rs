//! Owns trying one case on one engine, in this process. Keeps nothing.

use std::path::Path;

use meterbox_inference::{ComputeError, Engine, Model, ModelError, ModelLimits};

use crate::case::{self, Case, Data, UNPASSABLE};
use crate::compare::differ;
use crate::verdict::{Refuser, Verdict};

/// Parts of the names of cases whose outputs are random by definition.
const RANDOM: [&str; 5] = [
    "bernoulli",
    "multinomial",
    "random_normal",
    "random_uniform",
    "training_dropout",
];

/// Tries the case in this folder.
pub fn run(folder: &Path, engine: &Engine) -> Verdict {
    let case = match case::read(folder) {
        Ok(case) => case,
        Err(error) if format!("{error:#}").contains(UNPASSABLE) => {
            return Verdict::Refused {
                by: Refuser::Rules,
                reason: "its element types cannot be passed".to_owned(),
                error: format!("{error:#}"),
            };
        }
        Err(error) => {
            return Verdict::Wrong {
                what: format!("the case cannot be read: {error:#}"),
            };
        }
    };
    let model = match Model::load_on(&case.model, &ModelLimits::default(), engine) {
        Ok(model) => model,
        Err(error) => return refused_model(&error),
    };
    let Some(sets) = &case.data else {
        return Verdict::Wrong {
            what: "it was loaded, although it passes more than tensors".to_owned(),
        };
    };
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_random = RANDOM.iter().any(|part| name.contains(part));
    for data in sets {
        let verdict = compute(&model, &case, data, is_random);
        if !matches!(verdict, Verdict::Right) {
            return verdict;
        }
    }
    if is_random {
        Verdict::RightInShape
    } else {
        Verdict::Right
    }
}

fn compute(model: &Model, case: &Case, data: &Data, is_random: bool) -> Verdict {
    let inputs = model
        .inputs()
        .iter()
        .map(|port| port.name.clone())
        .zip(data.inputs.iter().cloned())
        .collect();
    let outputs = match model.compute(inputs) {
        Ok(outputs) => outputs,
        Err(error) => return refused_call(&error),
    };
    if outputs.len() != data.outputs.len() {
        return Verdict::Wrong {
            what: format!(
                "{} outputs instead of {}",
                outputs.len(),
                data.outputs.len()
            ),
        };
    }
    let tolerance = if is_random {
        (f64::INFINITY, f64::INFINITY)
    } else {
        case.tolerance
    };
    for ((name, actual), expected) in outputs.iter().zip(&data.outputs) {
        if is_random
            && actual.dimensions() == expected.dimensions()
            && actual.element_type() == expected.element_type()
        {
            continue;
        }
        if let Some(what) = differ(actual, expected, tolerance) {
            return Verdict::Wrong {
                what: format!("output `{name}`: {what}"),
            };
        }
    }
    Verdict::Right
}

fn refused_model(error: &ModelError) -> Verdict {
    let (by, reason) = match error {
        ModelError::RefusedByEngine { reason, .. } => (Refuser::List, (*reason).to_owned()),
        ModelError::Backend(_) => (Refuser::Library, "the library does not take it".to_owned()),
        ModelError::UnsupportedOperator { .. } => (
            Refuser::Rules,
            "an operator is not in the cost table".to_owned(),
        ),
        ModelError::InvalidNode { reason, .. } | ModelError::InvalidValue { reason, .. } => {
            (Refuser::Rules, reason.clone())
        }
        other => (Refuser::Rules, other.to_string()),
    };
    Verdict::Refused {
        by,
        reason,
        error: error.to_string(),
    }
}

fn refused_call(error: &ComputeError) -> Verdict {
    let (by, reason) = match error {
        ComputeError::ShapeDisagreement { .. } => {
            return Verdict::Wrong {
                what: error.to_string(),
            };
        }
        ComputeError::Unable(_) | ComputeError::Backend(_) | ComputeError::Panicked(_) => {
            (Refuser::Library, "the library does not take it".to_owned())
        }
        ComputeError::Node { reason, .. } => (Refuser::Rules, reason.clone()),
        other => (Refuser::Rules, other.to_string()),
    };
    Verdict::Refused {
        by,
        reason,
        error: error.to_string(),
    }
}
