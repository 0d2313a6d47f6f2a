//! Owns the operators that run graphs within them: what those are given, how often they run, and what
//! comes of it. A graph is walked once, and its cost is multiplied: so its shapes may not change from
//! one step to the next.

use crate::compute::ComputeError;
use crate::cost::Cost;
use crate::element::{ElementType, Precision};
use crate::graph::Body;
use crate::shape::{self, Call, Reason, axis, overflow, size_of};
use crate::table::{BINDING_OPERATIONS, ELEMENT_OPERATIONS, Flow, STEP_OPERATIONS};
use crate::value::{Value, bit};
use crate::walk::{Scope, Walk, fault};

type Ran = Result<(Cost, Vec<Value>), ComputeError>;

/// The cost of the graphs within the node, and what is known of its outputs.
pub(crate) fn run<'g>(
    walk: &mut Walk<'_, '_>,
    which: Flow,
    call: &Call<'g>,
    scope: &Scope<'g, '_>,
) -> Ran {
    let (cost, outputs) = match which {
        Flow::If => choose(walk, call, scope)?,
        Flow::Loop => repeat(walk, call, scope)?,
        Flow::Scan => scan(walk, call, scope)?,
    };
    shape::check(call.node, &outputs).map_err(|reason| fault(call.node, reason))?;
    Ok((cost, outputs))
}

fn body<'g>(call: &Call<'g>, name: &str, inputs: usize) -> Result<&'g Body, ComputeError> {
    let found = call
        .node
        .body(name)
        .ok_or_else(|| fault(call.node, format!("it has no {name}")))?;
    if found.inputs.len() != inputs {
        return Err(fault(
            call.node,
            format!(
                "its {name} takes {} inputs and is given {inputs}",
                found.inputs.len()
            ),
        ));
    }
    Ok(found)
}

/// The branch that is taken, where that is known; else the dearer one, class by class.
fn choose<'g>(walk: &mut Walk<'_, '_>, call: &Call<'g>, scope: &Scope<'g, '_>) -> Ran {
    let reason = |reason: Reason| fault(call.node, reason);
    let condition = call.input(0).map_err(reason)?;
    if condition.element_type != ElementType::Bool || condition.elements() != Some(1) {
        return Err(fault(call.node, "its condition must be one truth".into()));
    }
    let then = body(call, "then_branch", 0)?;
    let other = body(call, "else_branch", 0)?;
    if [then, other]
        .iter()
        .any(|branch| branch.outputs.len() != call.node.outputs.len())
    {
        return Err(fault(
            call.node,
            "its branches give another number of outputs than it has".into(),
        ));
    }
    match condition.integers.as_deref() {
        Some([0]) => return walk.body(other, vec![], Some(scope), false),
        Some(_) => return walk.body(then, vec![], Some(scope), false),
        None => {}
    }
    let (cost, outputs) = walk.body(then, vec![], Some(scope), false)?;
    let (other_cost, others) = walk.body(other, vec![], Some(scope), false)?;
    let joined = outputs.iter().zip(&others).map(|(left, right)| {
        either(left, right).ok_or_else(|| {
            fault(
                call.node,
                "its branches differ in the type or the number of dimensions of an output".into(),
            )
        })
    });
    Ok((
        cost.max(&other_cost),
        joined.collect::<Result<Vec<_>, _>>()?,
    ))
}

/// What holds of both: where sizes differ, the larger one is an upper bound.
fn either(left: &Value, right: &Value) -> Option<Value> {
    if left.element_type != right.element_type || left.rank() != right.rank() {
        return None;
    }
    let mut bounds = left.bounds | right.bounds;
    let mut dimensions = Vec::with_capacity(left.rank());
    for (index, (&l, &r)) in left.dimensions.iter().zip(&right.dimensions).enumerate() {
        if l != r {
            bounds |= bit(index);
        }
        dimensions.push(l.max(r));
    }
    let same = left.integers == right.integers && bounds == 0;
    let integers = left.integers.clone().filter(|_| same);
    Some(
        Value::new(dimensions, left.element_type)
            .bounded(bounds)
            .with_integers(integers),
    )
}

/// A value that is another one at each step: only its shape and type are known.
fn changing(value: &Value) -> Value {
    Value::new(value.dimensions.clone(), value.element_type).bounded(value.bounds)
}

/// Checks that what is carried from one step to the next keeps its shape and type.
fn check_carried(call: &Call<'_>, before: &[Value], after: &[Value]) -> Result<(), ComputeError> {
    for (index, (before, after)) in before.iter().zip(after).enumerate() {
        let stays = before.dimensions == after.dimensions
            && before.element_type == after.element_type
            && after.bounds & !before.bounds == 0;
        if !stays {
            return Err(fault(
                call.node,
                format!(
                    "value {index} that it carries begins as {} {:?} and becomes {} {:?}",
                    before.element_type, before.dimensions, after.element_type, after.dimensions
                ),
            ));
        }
    }
    Ok(())
}

/// The outputs of all steps beside each other, along a new dimension.
fn stacked(value: &Value, steps: u64, along: usize, is_exact: bool) -> Result<Value, Reason> {
    if along > value.rank() {
        return Err(format!("axis {along} of an output does not exist"));
    }
    let mut dimensions = value.dimensions.clone();
    dimensions.insert(along, steps);
    let below = bit(along).saturating_sub(1);
    let mut bounds = (value.bounds & below) | ((value.bounds & !below) << 1);
    if !is_exact {
        bounds |= bit(along);
    }
    Ok(Value::new(dimensions, value.element_type).bounded(bounds))
}

/// The cost of so many steps of a graph, each of which is given these values: what is carried, and a slice of what is
/// scanned.
fn times(
    call: &Call<'_>,
    body: &Body,
    cost: Cost,
    given: &[Value],
    steps: u64,
) -> Result<Cost, ComputeError> {
    let all = || {
        let mut each = cost;
        // However little a step does, an engine begins and ends it, and finds what it reads.
        let bound = u64::try_from(given.len()).ok()?;
        let bound = bound.checked_add(body.names_of_others)?;
        let bound = bound.checked_mul(BINDING_OPERATIONS)?;
        each.operations
            .add(Precision::F32, STEP_OPERATIONS.checked_add(bound)?)?;
        for value in given {
            let class = value.element_type.precision();
            let moved = value.elements()?.checked_mul(ELEMENT_OPERATIONS)?;
            each.operations.add(class, moved)?;
        }
        // An engine may compute in advance what it then takes no step of.
        each.checked_mul(steps.max(1))
    };
    all().ok_or_else(|| fault(call.node, "its cost overflows".into()))
}

/// Runs at most as often as its trip count says, and exactly so when its condition is known to hold.
fn repeat<'g>(walk: &mut Walk<'_, '_>, call: &Call<'g>, scope: &Scope<'g, '_>) -> Ran {
    let reason = |reason: Reason| fault(call.node, reason);
    if call.optional(0).is_none() {
        return Err(fault(
            call.node,
            "it has no trip count, so that nothing bounds its cost".into(),
        ));
    }
    let trips = u64::try_from(call.known_one(0).map_err(reason)?).unwrap_or(0);
    let begins = match call.optional(1).map(|value| value.integers.as_deref()) {
        None => Some(true),
        Some(Some([value])) => Some(*value != 0),
        Some(_) => None,
    };
    let trips = if begins == Some(false) { 0 } else { trips };
    let mut given = vec![
        Value::new(vec![], ElementType::I64),
        // In a step that runs, it holds.
        Value::new(vec![], ElementType::Bool).with_integers(Some(vec![1])),
    ];
    for index in 2..call.inputs.len() {
        given.push(changing(call.input(index).map_err(reason)?));
    }
    let carried: Vec<Value> = given.iter().skip(2).cloned().collect();
    let body = body(call, "body", given.len())?;
    let (cost, made) = walk.body(body, given, Some(scope), false)?;
    let Some((condition, made)) = made.split_first() else {
        return Err(fault(call.node, "its body gives no condition".into()));
    };
    let Some((after, each)) = made.split_at_checked(carried.len()) else {
        return Err(fault(
            call.node,
            "its body gives fewer values than it carries".into(),
        ));
    };
    check_carried(call, &carried, after)?;
    let goes_on = condition.integers.as_deref() == Some(&[1]);
    let is_exact = trips == 0 || (begins == Some(true) && (goes_on || trips == 1));
    let cost = times(call, body, cost, &carried, trips)?;
    let mut outputs = carried;
    for value in each {
        outputs.push(stacked(value, trips, 0, is_exact).map_err(reason)?);
    }
    Ok((cost, outputs))
}

/// Runs once for each slice of its scanned inputs.
fn scan<'g>(walk: &mut Walk<'_, '_>, call: &Call<'g>, scope: &Scope<'g, '_>) -> Ran {
    let reason = |reason: Reason| fault(call.node, reason);
    let scanned = usize::try_from(call.node.integer("num_scan_inputs", 0))
        .ok()
        .filter(|&scanned| scanned > 0 && scanned <= call.inputs.len())
        .ok_or_else(|| {
            fault(
                call.node,
                "its num_scan_inputs does not fit its inputs".into(),
            )
        })?;
    let states = call.inputs.len() - scanned;
    let along = |list: &str, index: usize, rank: usize| {
        let named = call.node.integers(list).and_then(|axes| axes.get(index));
        axis(named.copied().unwrap_or(0), rank)
    };
    let mut given = Vec::with_capacity(call.inputs.len());
    for index in 0..states {
        given.push(changing(call.input(index).map_err(reason)?));
    }
    let carried = given.clone();
    let mut steps: Option<u64> = None;
    let mut is_exact = true;
    for index in 0..scanned {
        let whole = call.input(states + index).map_err(reason)?;
        let at = along("scan_input_axes", index, whole.rank()).map_err(reason)?;
        let length = size_of(&whole.dimensions, at).map_err(reason)?;
        if *steps.get_or_insert(length) != length {
            return Err(fault(
                call.node,
                "the inputs that it scans differ in length".into(),
            ));
        }
        is_exact &= !whole.is_bounded_at(at);
        let below = bit(at).saturating_sub(1);
        let bounds = (whole.bounds & below) | ((whole.bounds >> 1) & !below);
        let mut dimensions = whole.dimensions.clone();
        dimensions.remove(at);
        given.push(Value::new(dimensions, whole.element_type).bounded(bounds));
    }
    let steps = steps.ok_or_else(|| fault(call.node, overflow()))?;
    let passed = given.clone();
    let body = body(call, "body", given.len())?;
    let (cost, made) = walk.body(body, given, Some(scope), false)?;
    let Some((after, each)) = made.split_at_checked(states) else {
        return Err(fault(
            call.node,
            "its body gives fewer values than it carries".into(),
        ));
    };
    check_carried(call, &carried, after)?;
    let cost = times(call, body, cost, &passed, steps)?;
    let mut outputs = carried;
    for (index, value) in each.iter().enumerate() {
        let at = along("scan_output_axes", index, value.rank() + 1).map_err(reason)?;
        outputs.push(stacked(value, steps, at, is_exact).map_err(reason)?);
    }
    Ok((cost, outputs))
}
