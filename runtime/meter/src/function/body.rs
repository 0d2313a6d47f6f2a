//! Reads and validates one function body, and notes of each operator what the rewriting needs to
//! know. Writes nothing.

use wasmparser::{FuncValidator, FunctionBody, Operator, ValType, WasmModuleResources};

use super::carried::CarriedLocals;
use super::counted::{self, Counted};
use crate::MeterError;
use crate::admission::{self, Admission, bound};
use crate::module::count;
use crate::operator;
use crate::schedule::{FRAME_UNITS, OPERATOR_STACK_UNITS, SLOT_UNITS, Tier};

/// A function of more operators is not small.
pub const SMALL_OPERATORS_MAX: usize = 64;
/// A function of more parameters and locals is not small.
pub const SMALL_LOCALS_MAX: usize = 16;

/// A function that calls nothing takes no stack, if its frame is not larger: there is never more than one
/// such frame.
pub const LEAF_UNITS_MAX: u32 = 4_096;

/// One operator of a body.
pub(crate) struct Step<'a> {
    pub op: Operator<'a>,
    /// Where its bytes begin in the program.
    pub start: usize,
    /// How many blocks enclose it, the function's own not counted.
    pub nesting: u32,
    /// The weight of the segment that begins here, if one does.
    pub segment: Option<u64>,
    /// How many values it takes off the operand stack, and how many it leaves there instead.
    pub pops: u32,
    pub pushes: u32,
    /// Control cannot reach it, by validation's own reckoning: it is left out.
    pub dead: bool,
    /// Of an operator that opens a block: what is to be known of the block.
    pub block: Option<Box<BlockNote>>,
}

/// What is known of a block, loop, `if` or `try_table` once all of it was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockNote {
    /// The step of its `end`.
    pub end: usize,
    pub has_else: bool,
    /// A `br_table` leads to its label.
    pub in_branch_table: bool,
    /// The loop is counted.
    pub counted: Option<Counted>,
}

/// A body, read.
pub(crate) struct Body<'a> {
    pub steps: Vec<Step<'a>>,
    /// Types of parameters and locals.
    pub locals: Vec<ValType>,
    /// How many of them are parameters.
    pub parameters: usize,
    pub frame_units: u32,
    pub small: bool,
    /// Its frame is counted: it is not small, and calls, or has a frame too large to be left out.
    pub takes_stack: bool,
    /// A `br_table` leads to the function's own label.
    pub in_branch_table: bool,
    /// Something in it makes floats that may be NaN.
    pub has_floats: bool,
    pub has_handlers: bool,
}

/// Reads the body of a function with these parameters, and adds what it holds to `admission`.
pub(crate) fn read<'a, T: WasmModuleResources>(
    body: &FunctionBody<'a>,
    validator: &mut FuncValidator<T>,
    parameters: &[ValType],
    results: u32,
    tier: Tier,
    admission: &mut Admission,
) -> Result<Body<'a>, MeterError> {
    bound(
        "bytes in one function",
        count(body.range().len()),
        admission::FUNCTION_BYTES_MAX,
    )?;
    let locals = read_locals(body, validator, parameters, admission)?;
    let mut reading = Reading::new(tier, locals.len());
    admission.blocks = admission.blocks.saturating_add(1);

    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (op, start) = reader.read_with_offset()?;
        reading.step(op, start, validator, admission)?;
    }
    reader.finish()?;
    reading.finish(locals, parameters.len(), results, admission)
}

fn read_locals<T: WasmModuleResources>(
    body: &FunctionBody<'_>,
    validator: &mut FuncValidator<T>,
    parameters: &[ValType],
    admission: &mut Admission,
) -> Result<Vec<ValType>, MeterError> {
    let mut reader = body.get_locals_reader()?;
    let mut locals = parameters.to_vec();
    for _ in 0..reader.get_count() {
        let offset = reader.original_position();
        let (group, ty) = reader.read()?;
        validator.define_locals(offset, group, ty)?;
        let all = count(locals.len()).saturating_add(u64::from(group));
        bound(
            "parameters and locals in one function",
            all,
            admission::FUNCTION_LOCALS_MAX,
        )?;
        locals.extend(std::iter::repeat_n(ty, crate::module::position(group)));
    }
    admission.locals = admission.locals.saturating_add(count(locals.len()));
    Ok(locals)
}

/// A body on its way through the reader.
struct Reading<'a> {
    tier: Tier,
    steps: Vec<Step<'a>>,
    /// The steps that opened the blocks that are still open.
    open: Vec<usize>,
    /// The step at which the current segment began.
    segment: usize,
    /// The operator about to be read begins a segment.
    begins: bool,
    /// The current segment's next operator can run.
    running: bool,
    /// Control cannot come here; and how many blocks were opened since.
    dead: Option<u32>,
    height_max: u32,
    branches: u64,
    entries: u64,
    carried: CarriedLocals,
    small: bool,
    calls: bool,
    in_branch_table: bool,
    has_floats: bool,
    has_handlers: bool,
}

impl<'a> Reading<'a> {
    fn new(tier: Tier, locals: usize) -> Reading<'a> {
        Reading {
            tier,
            steps: Vec::new(),
            open: Vec::new(),
            segment: 0,
            begins: true,
            running: true,
            dead: None,
            height_max: 0,
            branches: 0,
            entries: 0,
            carried: CarriedLocals::new(locals),
            small: locals <= SMALL_LOCALS_MAX,
            calls: false,
            in_branch_table: false,
            has_floats: false,
            has_handlers: false,
        }
    }

    fn step<T: WasmModuleResources>(
        &mut self,
        op: Operator<'a>,
        start: usize,
        validator: &mut FuncValidator<T>,
        admission: &mut Admission,
    ) -> Result<(), MeterError> {
        let class = operator::class(&op)?;
        let nesting = validator.control_stack_height().saturating_sub(1);
        let (pops, pushes) = op.operator_arity(validator).unwrap_or((0, 0));
        validator.op(start, &op)?;
        self.height_max = self.height_max.max(validator.operand_stack_height());
        bound(
            "nested blocks in one function",
            u64::from(nesting),
            admission::FUNCTION_NESTING_MAX,
        )?;

        let at = self.steps.len();
        let dead = self.is_dead(&op);
        if self.begins {
            self.segment = at;
            self.running = true;
        }
        self.steps.push(Step {
            segment: self.begins.then_some(0),
            op,
            start,
            nesting,
            pops,
            pushes,
            dead,
            block: None,
        });
        if self.running
            && let Some(weight) = &mut self.steps[self.segment].segment
        {
            *weight = weight.saturating_add(u64::from(class.weight(self.tier)));
        }
        let op = &self.steps[at].op;
        self.begins = operator::ends_segment(op);
        if operator::leaves(op) {
            self.running = false;
            if !dead {
                self.dead = Some(0);
            }
        }
        self.small &= operator::may_be_small(op);
        self.calls |= operator::calls(op);
        self.has_floats |= operator::float_arithmetic(op).is_some();
        match op {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                self.has_handlers |= matches!(op, Operator::TryTable { .. });
                self.steps[at].block = Some(Box::default());
                self.open.push(at);
                admission.blocks = admission.blocks.saturating_add(1);
                self.carried.open();
            }
            Operator::Else => {
                if let Some(note) = self.open.last().copied().and_then(|open| self.note(open)) {
                    note.has_else = true;
                }
            }
            Operator::End => self.close(at),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let local = *local_index;
                self.carried.set(local);
            }
            Operator::Br { .. } | Operator::BrIf { .. } => self.branches += 1,
            Operator::BrTable { targets } => {
                self.entries = self.entries.saturating_add(u64::from(targets.len()));
                if !dead {
                    let mut depths = vec![targets.default()];
                    for depth in targets.targets() {
                        depths.push(depth?);
                    }
                    depths
                        .into_iter()
                        .for_each(|depth| self.table_leads_to(depth));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether control cannot reach the operator that was just read.
    fn is_dead(&mut self, op: &Operator<'_>) -> bool {
        let Some(nested) = &mut self.dead else {
            return false;
        };
        match op {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                *nested += 1;
                true
            }
            Operator::End if *nested > 0 => {
                *nested -= 1;
                true
            }
            Operator::End => {
                self.dead = None;
                false
            }
            Operator::Else if *nested == 0 => {
                self.dead = None;
                false
            }
            _ => true,
        }
    }

    fn note(&mut self, step: usize) -> Option<&mut BlockNote> {
        self.steps.get_mut(step)?.block.as_deref_mut()
    }

    fn table_leads_to(&mut self, depth: u32) {
        let depth = crate::module::position(depth);
        match self.open.len().checked_sub(depth.saturating_add(1)) {
            Some(at) => {
                let open = self.open[at];
                if let Some(note) = self.note(open) {
                    note.in_branch_table = true;
                }
            }
            None => self.in_branch_table = true,
        }
    }

    fn close(&mut self, end: usize) {
        self.carried.close();
        let Some(opened) = self.open.pop() else {
            return; // the function's own end
        };
        let is_loop = matches!(self.steps[opened].op, Operator::Loop { .. });
        let counted = (is_loop && !self.steps[opened].dead)
            .then(|| counted::recognise(&self.steps[opened..end]))
            .flatten();
        if let Some(note) = self.note(opened) {
            note.end = end;
            note.counted = counted;
        }
    }

    fn finish(
        self,
        locals: Vec<ValType>,
        parameters: usize,
        results: u32,
        admission: &mut Admission,
    ) -> Result<Body<'a>, MeterError> {
        bound(
            "br and br_if in one function",
            self.branches,
            admission::FUNCTION_BRANCHES_MAX,
        )?;
        bound(
            "br_table entries in one function",
            self.entries,
            admission::FUNCTION_BRANCH_TABLE_ENTRIES_MAX,
        )?;
        let carried = self.carried.sum();
        bound(
            "carried locals in one function",
            carried,
            admission::FUNCTION_CARRIED_LOCALS_MAX,
        )?;
        admission.carried_locals = admission.carried_locals.saturating_add(carried);
        admission.operators = admission.operators.saturating_add(count(self.steps.len()));
        admission.branch_targets = admission
            .branch_targets
            .saturating_add(self.entries)
            .saturating_add(self.branches);

        let slots = u32::try_from(locals.len())
            .unwrap_or(u32::MAX)
            .saturating_add(results)
            .saturating_add(self.height_max);
        let operators = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        let frame_units = slots
            .saturating_mul(SLOT_UNITS)
            .saturating_add(operators.saturating_mul(OPERATOR_STACK_UNITS))
            .saturating_add(FRAME_UNITS);
        Ok(Body {
            small: self.small && self.steps.len() <= SMALL_OPERATORS_MAX,
            steps: self.steps,
            locals,
            parameters,
            frame_units,
            takes_stack: self.calls || frame_units > LEAF_UNITS_MAX,
            in_branch_table: self.in_branch_table,
            has_floats: self.has_floats,
            has_handlers: self.has_handlers,
        })
    }
}
