//! Recognises counted loops: loops whose laps are known before the first, by a syntactic rule
//! (SPECIFICATION, M6). Writes nothing.

use wasmparser::{BlockType, Operator};

use super::body::Step;
use crate::operator;

/// The most laps that are charged at once.
pub(crate) const LAPS_MAX: i64 = 1 << 32;

/// For comparisons of 64-bit numbers, all must lie between `-RANGE` and `RANGE`, so that no sum
/// overflows.
pub(crate) const RANGE: i64 = 1 << 61;

/// A loop whose laps can be counted when it is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The local that is stepped.
    pub variable: u32,
    /// The local is an i64, else an i32.
    pub wide: bool,
    pub stride: Stride,
    pub bound: Bound,
    /// The loop goes on while `variable comparison bound`.
    pub comparison: Comparison,
    pub signed: bool,
    /// Which operators of the loop, counted from `loop` itself, are the body's work: the rest is
    /// the test. If the step is part of the test, it is in `step_in_test`.
    pub work_end: usize,
    /// Where the step begins, if it is part of the test.
    pub step_in_test: Option<usize>,
    /// Where the operators `bound` and `cmp` stand, if the test has them.
    pub test: Option<(usize, usize)>,
}

/// What is added to the variable each lap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stride {
    Constant(i64),
    /// A local that the loop does not set; subtracted if `subtract`.
    Local {
        index: u32,
        subtract: bool,
    },
}

/// What the variable is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Constant(i64),
    Local(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// The counted loop that these steps are, from `loop` to the operator before its `end`, if they are
/// one.
pub(crate) fn recognise(steps: &[Step<'_>]) -> Option<Counted> {
    let empty = Operator::Loop {
        blockty: BlockType::Empty,
    };
    let ops: Vec<&Operator<'_>> = match steps {
        [first, body @ .., last]
            if first.op == empty
                && last.op == Operator::BrIf { relative_depth: 0 }
                && body.iter().all(|step| operator::may_be_counted(&step.op)) =>
        {
            steps.iter().map(|step| &step.op).collect()
        }
        _ => return None,
    };
    Test::before(&ops, ops.len() - 1)
        .into_iter()
        .flatten()
        .find_map(|test| with_test(&ops, test))
}

/// The counted loop of these operators, if this is its test.
fn with_test(ops: &[&Operator<'_>], test: Test) -> Option<Counted> {
    let (variable, at) = match test.value {
        Value::Variable(variable) => (variable, find_step(&ops[..test.begins], variable)?),
        Value::Step(at) => (Step4::at(ops, at)?.variable, at),
    };
    let step = Step4::at(ops, at)?;
    let sets = |local: u32| ops.iter().filter(|op| set_by(op) == Some(local)).count();
    let varies = |local: u32| sets(local) > 0;
    if step.wide != test.wide || sets(variable) != 1 {
        return None;
    }
    if matches!(test.bound, Bound::Local(local) if varies(local)) {
        return None;
    }
    match (step.stride, test.comparison) {
        (Stride::Local { .. }, Comparison::Ne) => return None,
        (Stride::Local { index, .. }, _) if varies(index) => return None,
        (Stride::Constant(0), _) => return None,
        (Stride::Constant(s), Comparison::Lt | Comparison::Le) if s < 0 => return None,
        (Stride::Constant(s), Comparison::Gt | Comparison::Ge) if s > 0 => return None,
        _ => {}
    }
    Some(Counted {
        variable,
        wide: step.wide,
        stride: step.stride,
        bound: test.bound,
        comparison: test.comparison,
        signed: test.signed,
        work_end: test.begins,
        step_in_test: matches!(test.value, Value::Step(_)).then_some(at),
        test: test.operators,
    })
}

fn set_by(op: &Operator<'_>) -> Option<u32> {
    match op {
        Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
            Some(*local_index)
        }
        _ => None,
    }
}

/// The first step of this variable among the operators.
fn find_step(ops: &[&Operator<'_>], variable: u32) -> Option<usize> {
    (0..ops.len()).find(|at| Step4::at(ops, *at).is_some_and(|step| step.variable == variable))
}

/// `local.get V`, a constant or local, `add` or `sub`, and `local.set V` or `local.tee V`.
struct Step4 {
    variable: u32,
    wide: bool,
    stride: Stride,
}

impl Step4 {
    fn at(ops: &[&Operator<'_>], at: usize) -> Option<Step4> {
        let [Operator::LocalGet { local_index }, by, sum, set] = ops.get(at..at + 4)? else {
            return None;
        };
        let (wide, subtract) = match sum {
            Operator::I32Add => (false, false),
            Operator::I32Sub => (false, true),
            Operator::I64Add => (true, false),
            Operator::I64Sub => (true, true),
            _ => return None,
        };
        if set_by(set) != Some(*local_index) {
            return None;
        }
        let signed = |constant: i64, least: i64| {
            let stride = if subtract {
                constant.wrapping_neg()
            } else {
                constant
            };
            Some(Stride::Constant(stride)).filter(|_| constant != least)
        };
        let stride = match by {
            Operator::I32Const { value } if !wide => signed((*value).into(), i32::MIN.into())?,
            Operator::I64Const { value } if wide => signed(*value, i64::MIN)?,
            Operator::LocalGet { local_index } => Stride::Local {
                index: *local_index,
                subtract,
            },
            _ => return None,
        };
        Some(Step4 {
            variable: *local_index,
            wide,
            stride,
        })
    }
}

enum Value {
    Variable(u32),
    /// The step that begins there, which leaves the variable on the stack.
    Step(usize),
}

/// What decides, right before `br_if 0`, whether the loop goes on.
struct Test {
    value: Value,
    bound: Bound,
    comparison: Comparison,
    signed: bool,
    wide: bool,
    /// Its first operator.
    begins: usize,
    /// Where the bound and the comparison stand.
    operators: Option<(usize, usize)>,
}

impl Test {
    /// The tests that may end right before `end`: at most one of them is of a counted loop.
    fn before(ops: &[&Operator<'_>], end: usize) -> [Option<Test>; 2] {
        let last = end.saturating_sub(1);
        let Some((comparison, signed, wide)) = comparison(ops[last]) else {
            return [Test::of_value_alone(ops, end), None];
        };
        let bound_at = |at: usize| Some((at, bound_of(ops.get(at)?, wide)?));
        let bound_last = last.checked_sub(1).and_then(bound_at);
        let value_last = value_before(ops, last);
        [
            bound_last.and_then(|(at, bound)| {
                let (value, begins) = value_before(ops, at)?;
                let operators = Some((at, last));
                Some(Test {
                    value,
                    bound,
                    comparison,
                    signed,
                    wide,
                    begins,
                    operators,
                })
            }),
            value_last.and_then(|(value, begins)| {
                let (at, bound) = begins.checked_sub(1).and_then(bound_at)?;
                let operators = Some((at, last));
                let comparison = turned(comparison);
                Some(Test {
                    value,
                    bound,
                    comparison,
                    signed,
                    wide,
                    begins: at,
                    operators,
                })
            }),
        ]
    }

    /// A value alone stands for its comparison with zero.
    fn of_value_alone(ops: &[&Operator<'_>], end: usize) -> Option<Test> {
        let (value, begins) = value_before(ops, end)?;
        Some(Test {
            value,
            bound: Bound::Constant(0),
            comparison: Comparison::Ne,
            signed: false,
            wide: false,
            begins,
            operators: None,
        })
    }
}

/// The value whose operators end right before `end`, and where they begin.
fn value_before(ops: &[&Operator<'_>], end: usize) -> Option<(Value, usize)> {
    let last = end.checked_sub(1).filter(|last| *last > 0)?;
    match ops[last] {
        Operator::LocalGet { local_index } => Some((Value::Variable(*local_index), last)),
        Operator::LocalTee { .. } => {
            let at = end.checked_sub(4).filter(|at| *at > 0)?;
            Step4::at(ops, at).map(|_| (Value::Step(at), at))
        }
        _ => None,
    }
}

fn bound_of(op: &Operator<'_>, wide: bool) -> Option<Bound> {
    match op {
        Operator::I32Const { value } if !wide => Some(Bound::Constant(i64::from(*value))),
        Operator::I64Const { value } if wide => Some(Bound::Constant(*value)),
        Operator::LocalGet { local_index } => Some(Bound::Local(*local_index)),
        _ => None,
    }
}

/// What an operator compares, if it does: the comparison, whether it is signed, whether of i64.
fn comparison(op: &Operator<'_>) -> Option<(Comparison, bool, bool)> {
    use Comparison::{Ge, Gt, Le, Lt, Ne};
    Some(match op {
        Operator::I32Ne => (Ne, false, false),
        Operator::I32LtS => (Lt, true, false),
        Operator::I32LtU => (Lt, false, false),
        Operator::I32LeS => (Le, true, false),
        Operator::I32LeU => (Le, false, false),
        Operator::I32GtS => (Gt, true, false),
        Operator::I32GtU => (Gt, false, false),
        Operator::I32GeS => (Ge, true, false),
        Operator::I32GeU => (Ge, false, false),
        Operator::I64Ne => (Ne, false, true),
        Operator::I64LtS => (Lt, true, true),
        Operator::I64LtU => (Lt, false, true),
        Operator::I64LeS => (Le, true, true),
        Operator::I64LeU => (Le, false, true),
        Operator::I64GtS => (Gt, true, true),
        Operator::I64GtU => (Gt, false, true),
        Operator::I64GeS => (Ge, true, true),
        Operator::I64GeU => (Ge, false, true),
        _ => return None,
    })
}

/// The comparison of the same two values the other way round.
fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Ne => Comparison::Ne,
        Comparison::Lt => Comparison::Gt,
        Comparison::Le => Comparison::Ge,
        Comparison::Gt => Comparison::Lt,
        Comparison::Ge => Comparison::Le,
    }
}
