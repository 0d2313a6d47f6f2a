//! Decides where NaNs are made canonical, so that a program sees what it would see if every
//! arithmetic operator gave canonical NaNs (SPECIFICATION, M13). Writes nothing.
//!
//! The bits of a NaN that arithmetic made are left as the engine has them for as long as nothing can
//! see them: other arithmetic, comparisons and conversions treat all NaNs alike. A value is made
//! canonical where it was made, or on a path to where values meet, once something else uses it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use wasmparser::{Catch, Operator, ValType};

use super::body::Body;
use super::nans::{Operands, Rule};
use crate::operator::{self, FloatKind};

/// Something to be made canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fix {
    /// The value on top of the stack, after the operator.
    Top(Kind),
    /// What a `select` gave, if it gave this one of its operands.
    Selected(Which, Kind),
    /// A local, before the operator.
    Local(u32, Kind),
}

/// [`FloatKind`], in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    F32,
    F64,
    F32x4,
    F64x2,
}

impl From<FloatKind> for Kind {
    fn from(kind: FloatKind) -> Kind {
        match kind {
            FloatKind::F32 => Kind::F32,
            FloatKind::F64 => Kind::F64,
            FloatKind::F32x4 => Kind::F32x4,
            FloatKind::F64x2 => Kind::F64x2,
        }
    }
}

/// An operand of `select`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Which {
    First,
    Second,
}

/// Fixes by step.
pub(crate) type Fixes = BTreeMap<usize, Vec<Fix>>;

/// What is known of the NaNs that a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is no NaN; of a vector, all of its bits are zero, so that none of its lanes is one.
    Never,
    /// Its bits are what they should be.
    Exact,
    /// If it is a NaN, arithmetic made it, and it should be the canonical one.
    Loose(Kind),
    /// It is an operand of the `select` that made it: this one is [`Loose`](State::Loose), the other has the
    /// bits that it should have. Only ever on the stack.
    Selected(Which, Kind),
    /// One or the other, since the label of the block that was opened at `label` was reached, where
    /// it was in `local`; and what kind arithmetic made, if only one.
    Mixed {
        label: usize,
        local: usize,
        kind: Option<Kind>,
    },
}

#[derive(Debug, Clone, Copy)]
struct Value {
    state: State,
    /// After which step it was on top of the stack.
    made: usize,
}

struct Frame {
    /// The step that opened it; the body's length for the function's own.
    opened: usize,
    is_loop: bool,
    height: usize,
    /// Locals where its label was reached so far.
    label: Option<Vec<State>>,
    /// Locals at the `if`, for its `else`.
    at_if: Option<Vec<State>>,
}

/// How often a body is gone through before its locals are all kept exact.
const PASSES_MAX: u32 = 12;

/// States that are kept at most for the branches of one body, for each of its operators: more, and locals are
/// kept exact, so that a body takes time by its length.
const STATES_PER_STEP_MAX: usize = 8;

/// Where a body's NaNs are made canonical.
pub(crate) fn fixes(body: &Body<'_>) -> Fixes {
    if !body.has_floats {
        return Fixes::new();
    }
    let is_float = |ty: &ValType| matches!(ty, ValType::F32 | ValType::F64 | ValType::V128);
    let mut index = vec![None; body.locals.len()];
    let mut numbers = Vec::new();
    for (local, ty) in (0..).zip(&body.locals) {
        if is_float(ty) {
            index[crate::module::position(local)] = Some(numbers.len());
            numbers.push(local);
        }
    }
    let floats = numbers.len();
    let branches = body.steps.iter().filter(|step| is_branch(&step.op)).count();
    let mut pass = Pass {
        body,
        index: &index,
        numbers: &numbers,
        strict: body.has_handlers
            || floats.saturating_mul(branches)
                > body.steps.len().saturating_mul(STATES_PER_STEP_MAX),
        resolved: HashSet::new(),
        back: HashMap::new(),
        new_back: HashMap::new(),
        fixed: Vec::new(),
        locals: None,
        stack: Vec::new(),
        frames: Vec::new(),
        fixes: Fixes::new(),
    };
    pass.fixed = vec![false; body.steps.len()];
    for _ in 0..PASSES_MAX {
        if pass.strict {
            break;
        }
        let resolved = pass.resolved.len();
        pass.back = std::mem::take(&mut pass.new_back);
        pass.run(floats);
        if pass.resolved.len() != resolved {
            pass.new_back.clear();
        } else if pass.new_back == pass.back {
            return pass.fixes;
        }
    }
    // Nothing is known of any local but that it is exact, which one way through makes so.
    pass.strict = true;
    pass.resolved.clear();
    pass.back.clear();
    pass.run(0);
    pass.fixes
}

fn is_branch(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
    )
}

/// One way through a body, with what earlier ones found out.
struct Pass<'b, 'a> {
    body: &'b Body<'a>,
    /// Which of the states each local has, if it is a float or vector.
    index: &'b [Option<usize>],
    /// Which local each of the states is of.
    numbers: &'b [u32],
    /// Locals are kept exact, and no states of them.
    strict: bool,
    /// At these labels these locals are made canonical on the way, where they are loose.
    resolved: HashSet<(usize, usize)>,
    /// What the last way through found of locals where control goes back to a loop's head.
    back: HashMap<usize, Vec<State>>,
    new_back: HashMap<usize, Vec<State>>,
    /// Steps whose value is made canonical right after.
    fixed: Vec<bool>,
    /// `None` where control cannot be.
    locals: Option<Vec<State>>,
    stack: Vec<Value>,
    frames: Vec<Frame>,
    fixes: Fixes,
}

impl Pass<'_, '_> {
    fn run(&mut self, floats: usize) {
        self.fixes.clear();
        self.fixed.iter_mut().for_each(|fixed| *fixed = false);
        self.stack.clear();
        self.frames.clear();
        self.frames.push(Frame {
            opened: self.body.steps.len(),
            is_loop: false,
            height: 0,
            label: None,
            at_if: None,
        });
        // Parameters come with the bits that they have; other locals begin as zero.
        let mut locals = vec![State::Exact; floats];
        for (local, index) in self.index.iter().enumerate() {
            if let Some(index) = index
                && local >= self.body.parameters
                && !self.strict
            {
                locals[*index] = State::Never;
            }
        }
        self.locals = Some(locals);
        for at in 0..self.body.steps.len() {
            if !self.body.steps[at].dead {
                self.step(at);
            }
        }
    }

    fn push(&mut self, state: State, made: usize) {
        let state = match state {
            State::Loose(_) | State::Selected(..) if self.fixed[made] => State::Exact,
            state => state,
        };
        self.stack.push(Value { state, made });
    }

    /// Takes a value whatever its bits. An empty stack is control that cannot be here.
    fn pop(&mut self) -> Value {
        let floor = self.frames.last().map_or(0, |frame| frame.height);
        let value = (self.stack.len() > floor).then(|| self.stack.pop());
        value.flatten().unwrap_or(Value {
            state: State::Exact,
            made: 0,
        })
    }

    /// Makes sure that a value has the bits that it should have.
    fn see(&mut self, value: Value) {
        match value.state {
            State::Never | State::Exact => {}
            State::Loose(kind) => self.fix(value.made, Fix::Top(kind)),
            State::Selected(which, kind) => self.fix(value.made, Fix::Selected(which, kind)),
            State::Mixed { label, local, .. } => {
                self.resolved.insert((label, local));
            }
        }
    }

    /// Makes the value canonical that a step makes.
    fn fix(&mut self, made: usize, fix: Fix) {
        if !self.fixed[made] {
            self.fixed[made] = true;
            self.fixes.entry(made).or_default().push(fix);
        }
    }

    /// Takes so many values, with the bits that they should have.
    fn see_and_pop(&mut self, count: u32) {
        for _ in 0..count {
            let value = self.pop();
            self.see(value);
        }
    }

    fn push_exact(&mut self, count: u32, made: usize) {
        for _ in 0..count {
            self.push(State::Exact, made);
        }
    }

    fn step(&mut self, at: usize) {
        let body = self.body;
        let step = &body.steps[at];
        match &step.op {
            Operator::Block { .. } => self.open(at, false),
            Operator::TryTable { try_table } => {
                // Its catches lead out of it. Locals may be what they are anywhere within: they are kept
                // exact in a body that has one.
                for catch in &try_table.catches {
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = *catch;
                    self.edge(at, label);
                }
                self.open(at, false);
            }
            Operator::If { .. } => self.open(at, false),
            Operator::Loop { .. } => self.open(at, true),
            Operator::Else => self.take_else(at),
            Operator::End => self.end(at),
            Operator::Br { relative_depth } => {
                self.see_and_pop(step.pops);
                self.edge(at, *relative_depth);
                self.locals = None;
            }
            Operator::BrIf { relative_depth } => {
                self.see_and_pop(step.pops);
                self.edge(at, *relative_depth);
                self.push_exact(step.pushes, at);
            }
            Operator::BrTable { targets } => {
                self.see_and_pop(step.pops);
                let depths = targets.targets().flatten().chain([targets.default()]);
                // Each label once: what is resolved for one is resolved for all.
                for depth in depths.collect::<BTreeSet<u32>>() {
                    self.edge(at, depth);
                }
                self.locals = None;
            }
            op if operator::leaves(op) => {
                self.see_and_pop(step.pops);
                self.locals = None;
            }
            Operator::LocalGet { local_index } => {
                let state = self.local(*local_index);
                self.push(state, at);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.set(*local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                let state = self.set(*local_index, value);
                self.push(state, at);
            }
            Operator::Drop => {
                self.pop();
            }
            op => match Rule::of(op) {
                Rule::Arithmetic(from, to) => {
                    self.take(step.pops, from);
                    self.push(State::Loose(to), at);
                }
                Rule::Test(from) => {
                    self.take(step.pops, from);
                    self.push_exact(step.pushes, at);
                }
                Rule::Number => {
                    self.see_and_pop(step.pops);
                    self.push(State::Never, at);
                }
                Rule::Passes { operands, to } => self.pass_on(at, operands, to),
                Rule::Sees => {
                    self.see_and_pop(step.pops);
                    self.push_exact(step.pushes, at);
                }
            },
        }
    }

    /// Takes operands that are read as floats of a kind: bits of NaNs of that kind do not matter.
    fn take(&mut self, count: u32, kind: Kind) {
        for _ in 0..count {
            let value = self.pop();
            match value.state {
                State::Loose(other) | State::Selected(_, other) if other != kind => self.see(value),
                State::Mixed { kind: other, .. } if other != Some(kind) => self.see(value),
                _ => {}
            }
        }
    }

    /// An operator that gives one of its float operands, or all of one in another shape.
    fn pass_on(&mut self, at: usize, operands: Operands, to: Option<Kind>) {
        if operands == Operands::TwoAndCondition {
            self.pop();
        }
        let count = if operands == Operands::One { 1 } else { 2 };
        let mut values: Vec<Value> = (0..count).map(|_| self.pop()).collect();
        for value in &mut values {
            if let State::Selected(..) = value.state {
                self.see(*value);
                value.state = State::Exact;
            }
        }
        let state = values
            .iter()
            .map(|value| Some(value.state))
            .reduce(|a, b| same(a?, b?));
        let state = match state.flatten() {
            Some(State::Loose(kind)) if to.is_none_or(|to| scalar(to) == scalar(kind)) => {
                State::Loose(to.unwrap_or(kind))
            }
            Some(State::Never) if to.is_none() => State::Never,
            Some(mixed @ State::Mixed { .. }) if to.is_none() => mixed,
            _ if operands == Operands::TwoAndCondition
                && let Some(selected) = selected(&values) =>
            {
                selected
            }
            _ => {
                values.into_iter().for_each(|value| self.see(value));
                State::Exact
            }
        };
        self.push(state, at);
    }

    fn local(&self, local: u32) -> State {
        let index = self.index[crate::module::position(local)];
        match (index, &self.locals) {
            (Some(index), Some(locals)) if !self.strict => locals[index],
            _ => State::Exact,
        }
    }

    /// Sets a local, and says what is known of it then.
    fn set(&mut self, local: u32, value: Value) -> State {
        let Some(index) = self.index[crate::module::position(local)] else {
            return State::Exact;
        };
        let mut state = value.state;
        if self.strict || matches!(state, State::Selected(..)) {
            self.see(value);
            state = State::Exact;
        }
        if self.strict {
            return state;
        }
        if let Some(locals) = &mut self.locals {
            locals[index] = state;
        }
        state
    }

    fn open(&mut self, at: usize, is_loop: bool) {
        let step = &self.body.steps[at];
        self.see_and_pop(step.pops);
        let height = self.stack.len();
        let is_if = matches!(step.op, Operator::If { .. });
        let has_else = step.block.as_ref().is_some_and(|block| block.has_else);
        let mut frame = Frame {
            opened: at,
            is_loop,
            height,
            label: None,
            at_if: None,
        };
        if is_loop && let Some(mut locals) = self.locals.take() {
            if let Some(back) = self.back.get(&at).cloned() {
                for (local, (state, back)) in locals.iter_mut().zip(back).enumerate() {
                    *state = self.meet(at, at, local, *state, back);
                }
            }
            self.locals = Some(locals);
        }
        if is_if && has_else {
            frame.at_if = self.locals.clone();
        }
        self.frames.push(frame);
        if is_if && !has_else {
            self.edge(at, 0); // the arm that is not there
        }
        self.push_exact(step.pushes, at);
    }

    fn take_else(&mut self, at: usize) {
        self.see_and_pop(self.body.steps[at].pops);
        self.edge(at, 0);
        if let Some(frame) = self.frames.last_mut() {
            self.locals = frame.at_if.take();
            let height = frame.height;
            self.stack.truncate(height);
        }
        self.push_exact(self.body.steps[at].pushes, at);
    }

    fn end(&mut self, at: usize) {
        let pops = self.body.steps[at].pops;
        if self.locals.is_some() {
            self.see_and_pop(pops);
        }
        let is_loop = self.frames.last().is_some_and(|frame| frame.is_loop);
        if !is_loop {
            self.edge(at, 0);
        }
        let Some(frame) = self.frames.pop() else {
            return;
        };
        self.stack.truncate(frame.height);
        if is_loop {
            if let Some(back) = frame.label {
                self.new_back.insert(frame.opened, back);
            }
        } else {
            self.locals = frame.label;
        }
        self.push_exact(pops, at);
    }

    /// Control goes from this step to a label, or may.
    fn edge(&mut self, at: usize, depth: u32) {
        let Some(locals) = self.locals.clone() else {
            return;
        };
        let frame = self
            .frames
            .len()
            .checked_sub(1 + crate::module::position(depth));
        let Some(frame) = frame.filter(|frame| *frame > 0) else {
            return; // locals end with the function
        };
        let opened = self.frames[frame].opened;
        let mut label = self.frames[frame].label.take();
        let mut here = locals;
        for (local, state) in here.iter_mut().enumerate() {
            if self.resolved.contains(&(opened, local)) {
                *state = self.resolve(at, local, *state);
            }
        }
        match &mut label {
            None => label = Some(here.clone()),
            Some(met) => {
                for (local, (met, here)) in met.iter_mut().zip(&here).enumerate() {
                    *met = joined(*met, *here, opened, local);
                }
            }
        }
        self.frames[frame].label = label;
        self.locals = Some(here);
    }

    /// What is known of a local at a loop's head, entered from `at`.
    fn meet(&mut self, at: usize, label: usize, local: usize, entry: State, back: State) -> State {
        let entry = match self.resolved.contains(&(label, local)) {
            true => self.resolve(at, local, entry),
            false => entry,
        };
        joined(entry, back, label, local)
    }

    /// Makes a local exact before a step.
    fn resolve(&mut self, at: usize, local: usize, state: State) -> State {
        match state {
            State::Never | State::Exact | State::Selected(..) => state,
            State::Loose(kind) => {
                let fix = Fix::Local(self.numbers[local], kind);
                let fixes = self.fixes.entry(at).or_default();
                if !fixes.contains(&fix) {
                    fixes.push(fix);
                }
                State::Exact
            }
            State::Mixed { label, local, .. } => {
                self.resolved.insert((label, local));
                State::Exact
            }
        }
    }
}

/// What is known of a value that is one of two, if that can be said.
fn same(a: State, b: State) -> Option<State> {
    match (a, b) {
        (State::Never, other) | (other, State::Never) => Some(other),
        (a, b) => (a == b).then_some(a),
    }
}

/// What a `select` of a scalar gives, if one of its operands (the second first) is loose and the other exact.
fn selected(values: &[Value]) -> Option<State> {
    match [values.first()?.state, values.get(1)?.state] {
        [State::Exact, State::Loose(kind @ (Kind::F32 | Kind::F64))] => {
            Some(State::Selected(Which::First, kind))
        }
        [State::Loose(kind @ (Kind::F32 | Kind::F64)), State::Exact] => {
            Some(State::Selected(Which::Second, kind))
        }
        _ => None,
    }
}

fn joined(a: State, b: State, label: usize, local: usize) -> State {
    let kind_of = |state| match state {
        State::Never | State::Exact | State::Selected(..) => None,
        State::Loose(kind) => Some(Some(kind)),
        State::Mixed { kind, .. } => Some(kind),
    };
    let kind = match (kind_of(a), kind_of(b)) {
        (Some(a), Some(b)) if a != b => None,
        (a, b) => a.or(b).flatten(),
    };
    match (a, b) {
        (State::Mixed { label, local, .. }, _) | (_, State::Mixed { label, local, .. }) => {
            State::Mixed { label, local, kind }
        }
        (a, b) => same(a, b).unwrap_or(State::Mixed { label, local, kind }),
    }
}

fn scalar(kind: Kind) -> Kind {
    match kind {
        Kind::F32 | Kind::F32x4 => Kind::F32,
        Kind::F64 | Kind::F64x2 => Kind::F64,
    }
}
