//! Counted loops (M6): which loops are. For how many laps one is charged ahead is in `laps`.

use wasmparser::{BlockType, Operator};

use crate::laps::{bits, signed};
use crate::size::{is_bulk, is_call};
use crate::value::Value;

/// A loop that is charged ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CountedLoop {
    /// Where `loop` is. The body begins right after it.
    pub(crate) at: usize,
    /// Where the `end` is. The body ends right before it.
    pub(crate) end: usize,
    pub(crate) variable: u32,
    pub(crate) ty: Type,
    pub(crate) bound: Operand,
    pub(crate) step: Operand,
    /// Whether the step is a `sub`.
    pub(crate) subtracts: bool,
    pub(crate) comparison: Comparison,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    I32,
    I64,
}

/// `T.const c`, or `local.get` of a local.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    Constant(Value),
    Local(u32),
}

/// A comparison of the value with the bound, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    NotEqual,
    Order {
        direction: Direction,
        or_equal: bool,
        signed: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Less,
    Greater,
}

/// `value bound cmp`: what stands right before `br_if 0`.
struct Test {
    variable: u32,
    ty: Type,
    bound: Operand,
    comparison: Comparison,
}

/// Four operators in a row that set a local.
struct Step {
    variable: u32,
    ty: Type,
    by: Operand,
    subtracts: bool,
}

/// The loop that begins at `at` and ends at `end`, if it is a counted one.
pub(crate) fn counted_loop(
    operators: &[Operator<'_>],
    at: usize,
    end: usize,
) -> Option<CountedLoop> {
    // 1: the block type has neither parameters nor results.
    let Operator::Loop {
        blockty: BlockType::Empty,
    } = operators[at]
    else {
        return None;
    };
    // 2: the body ends with `br_if 0` and holds no other control operator.
    let body = &operators[at + 1..end];
    let (Operator::BrIf { relative_depth: 0 }, body) = body.split_last()? else {
        return None;
    };
    if body.iter().any(is_control) {
        return None;
    }
    // 3 to 5.
    tests(body)
        .into_iter()
        .find_map(|test| with_step(body, &test).map(|step| (test, step)))
        .filter(|(test, step)| step_fits(test, step))
        .map(|(test, step)| CountedLoop {
            at,
            end,
            variable: test.variable,
            ty: test.ty,
            bound: test.bound,
            step: step.by,
            subtracts: step.subtracts,
            comparison: test.comparison,
        })
}

fn is_control(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::TryTable { .. }
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::Throw { .. }
            | Operator::ThrowRef
    ) || is_call(operator)
        || is_bulk(operator)
}

/// 4: what the operators before `br_if 0` can be read as. With two locals compared, either may be V.
fn tests(body: &[Operator<'_>]) -> Vec<Test> {
    let mut tests = Vec::new();
    if let Some((last, before)) = body.split_last()
        && let Some((ty, comparison)) = comparison(last)
    {
        // `value bound cmp`
        if let Some((bound, before)) = before.split_last()
            && let Some(bound) = operand(bound)
            && let Some((variable, _)) = value(before)
        {
            tests.push(Test {
                variable,
                ty,
                bound,
                comparison,
            });
        }
        // `bound value cmp`
        if let Some((variable, before)) = value(before)
            && let Some(bound) = before.last().and_then(operand)
        {
            tests.push(Test {
                variable,
                ty,
                bound,
                comparison: turned_around(comparison),
            });
        }
    }
    // `value` alone, of an i32
    if let Some((variable, _)) = value(body) {
        tests.push(Test {
            variable,
            ty: Type::I32,
            bound: Operand::Constant(Value::I32(0)),
            comparison: Comparison::NotEqual,
        });
    }
    tests
}

/// The `value` that the operators end with, and the operators before it: `local.get V`, or a step that
/// ends in `local.tee V`.
fn value<'o, 'b>(operators: &'b [Operator<'o>]) -> Option<(u32, &'b [Operator<'o>])> {
    let (last, before) = operators.split_last()?;
    match last {
        Operator::LocalGet { local_index } => Some((*local_index, before)),
        Operator::LocalTee { local_index } => {
            let before = operators.len().checked_sub(4)?;
            step_at(operators, before)?;
            Some((*local_index, &operators[..before]))
        }
        _ => None,
    }
}

/// 3 and 5: the step that sets V, if V is set by it alone, and neither B nor S is V or is set.
fn with_step(body: &[Operator<'_>], test: &Test) -> Option<Step> {
    let sets_of = |local: u32| {
        body.iter().enumerate().filter(move |(_, operator)| {
            matches!(operator, Operator::LocalSet { local_index }
                | Operator::LocalTee { local_index } if *local_index == local)
        })
    };
    let mut sets = sets_of(test.variable);
    let (Some((set, _)), None) = (sets.next(), sets.next()) else {
        return None;
    };
    let step = step_at(body, set.checked_sub(3)?)?;
    let stays = |operand: Operand| match operand {
        Operand::Constant(_) => true,
        Operand::Local(local) => local != test.variable && sets_of(local).next().is_none(),
    };
    (step.variable == test.variable && step.ty == test.ty && stays(test.bound) && stays(step.by))
        .then_some(step)
}

/// The step whose four operators begin here, if they are one.
fn step_at(operators: &[Operator<'_>], at: usize) -> Option<Step> {
    let [get, by, compute, set] = operators.get(at..at.checked_add(4)?)? else {
        return None;
    };
    let Operator::LocalGet { local_index: got } = get else {
        return None;
    };
    let (ty, subtracts) = match compute {
        Operator::I32Add => (Type::I32, false),
        Operator::I32Sub => (Type::I32, true),
        Operator::I64Add => (Type::I64, false),
        Operator::I64Sub => (Type::I64, true),
        _ => return None,
    };
    let (Operator::LocalSet { local_index: set } | Operator::LocalTee { local_index: set }) = set
    else {
        return None;
    };
    (got == set).then_some(Step {
        variable: *set,
        ty,
        by: operand(by)?,
        subtracts,
    })
}

/// 6: which steps go with which comparison.
fn step_fits(test: &Test, step: &Step) -> bool {
    let all = 1i128 << bits(test.ty);
    if let Operand::Constant(by) = step.by
        && (signed(by) == 0 || signed(by) == -all / 2)
    {
        return false;
    }
    let constant = match step.by {
        Operand::Constant(by) => Some(signed(by) * if step.subtracts { -1 } else { 1 }),
        Operand::Local(_) => None,
    };
    match (test.comparison, constant) {
        (Comparison::NotEqual, Some(_)) => true,
        (Comparison::NotEqual, None) => false,
        (Comparison::Order { direction, .. }, Some(s)) => match direction {
            Direction::Less => s > 0,
            Direction::Greater => s < 0,
        },
        (Comparison::Order { .. }, None) => true,
    }
}

fn operand(operator: &Operator<'_>) -> Option<Operand> {
    match operator {
        Operator::I32Const { value } => Some(Operand::Constant(Value::I32(value.cast_unsigned()))),
        Operator::I64Const { value } => Some(Operand::Constant(Value::I64(value.cast_unsigned()))),
        Operator::LocalGet { local_index } => Some(Operand::Local(*local_index)),
        _ => None,
    }
}

fn comparison(operator: &Operator<'_>) -> Option<(Type, Comparison)> {
    use Direction::{Greater, Less};
    let order = |ty, direction, or_equal, signed| {
        Some((
            ty,
            Comparison::Order {
                direction,
                or_equal,
                signed,
            },
        ))
    };
    match operator {
        Operator::I32Ne => Some((Type::I32, Comparison::NotEqual)),
        Operator::I32LtS => order(Type::I32, Less, false, true),
        Operator::I32LtU => order(Type::I32, Less, false, false),
        Operator::I32LeS => order(Type::I32, Less, true, true),
        Operator::I32LeU => order(Type::I32, Less, true, false),
        Operator::I32GtS => order(Type::I32, Greater, false, true),
        Operator::I32GtU => order(Type::I32, Greater, false, false),
        Operator::I32GeS => order(Type::I32, Greater, true, true),
        Operator::I32GeU => order(Type::I32, Greater, true, false),
        Operator::I64Ne => Some((Type::I64, Comparison::NotEqual)),
        Operator::I64LtS => order(Type::I64, Less, false, true),
        Operator::I64LtU => order(Type::I64, Less, false, false),
        Operator::I64LeS => order(Type::I64, Less, true, true),
        Operator::I64LeU => order(Type::I64, Less, true, false),
        Operator::I64GtS => order(Type::I64, Greater, false, true),
        Operator::I64GtU => order(Type::I64, Greater, false, false),
        Operator::I64GeS => order(Type::I64, Greater, true, true),
        Operator::I64GeU => order(Type::I64, Greater, true, false),
        _ => None,
    }
}

fn turned_around(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::NotEqual => Comparison::NotEqual,
        Comparison::Order {
            direction,
            or_equal,
            signed,
        } => Comparison::Order {
            direction: match direction {
                Direction::Less => Direction::Greater,
                Direction::Greater => Direction::Less,
            },
            or_equal,
            signed,
        },
    }
}
