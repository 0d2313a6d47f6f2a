//! Rewrites one function body: charges each segment, records at the sync points, counts the stack.
//! Knows nothing of the module around it but the indices that it is given.
//!
//! Inside a function the count of units left lives in a local. It is stored in the meter's global
//! at the sync points: function entry, loop headers, before calls and bulk operators, and exit.

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{BlockType, Encode, InstructionSink, ValType};
use wasmparser::{FuncValidator, FunctionBody, Operator, WasmModuleResources};

use crate::MeterError;
use crate::admission::{self, Admission, bound};
use crate::module::{Shift, count, encoding};
use crate::operator;
use crate::schedule::{Class, FRAME_UNITS, OPERATOR_STACK_UNITS, SLOT_UNITS, Tier};

/// The indices of the meter's globals in a module that was rewritten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MeterGlobals {
    pub left: u32,
    pub stack_left: u32,
    pub pages_grown: u32,
    pub grown_low: u32,
    pub grown_high: u32,
}

/// What a body needs to know of its function and module.
pub(crate) struct FunctionContext<'a> {
    pub tier: Tier,
    pub globals: MeterGlobals,
    pub imported_functions: u32,
    pub parameters: u32,
    pub results: u32,
    /// The type of the block that wraps the body: no parameters, the function's results.
    pub wrapper: BlockType,
    pub shift: &'a mut Shift,
}

/// One operator, the segment that begins before it if any, and how many blocks enclose it.
struct Step<'a> {
    op: Operator<'a>,
    start: usize,
    nesting: u32,
    segment: Option<usize>,
}

/// The body's operators in order, and what its frame takes.
struct Plan<'a> {
    steps: Vec<Step<'a>>,
    weights: Vec<u64>,
    frame_units: u32,
}

/// Rewrites `body`, and adds what it holds to `admission`.
pub(crate) fn rewrite<T: WasmModuleResources>(
    body: &FunctionBody<'_>,
    validator: &mut FuncValidator<T>,
    context: &mut FunctionContext<'_>,
    admission: &mut Admission,
) -> Result<Vec<u8>, MeterError> {
    let range = body.range();
    bound(
        "bytes in one function",
        count(range.len()),
        admission::FUNCTION_BYTES_MAX,
    )?;

    let mut out = Vec::with_capacity(range.len().saturating_mul(2));
    let locals = copy_locals(body, validator, context, admission, &mut out)?;
    let plan = plan(body, validator, context, locals, admission)?;

    let bytes = body.as_bytes();
    let mut emit = Emitter {
        out,
        tier: context.tier,
        globals: context.globals,
        imported_functions: context.imported_functions,
        left: locals,
        length: locals.saturating_add(1),
        answer: locals.saturating_add(2),
        frame_units: plan.frame_units,
    };
    emit.entry(plan.weights.first().copied().unwrap_or(0), context.wrapper);
    let last = plan.steps.len().saturating_sub(1);
    for (index, step) in plan.steps.iter().enumerate() {
        if let Some(segment) = step.segment
            && segment != 0
        {
            let weight = plan.weights.get(segment).copied().unwrap_or(0);
            let at_loop = index > 0 && matches!(plan.steps[index - 1].op, Operator::Loop { .. });
            emit.segment(weight, at_loop);
        }
        let end = plan
            .steps
            .get(index + 1)
            .map_or(range.end, |next| next.start);
        let raw = &bytes[step.start - range.start..end - range.start];
        emit.operator(step, raw, context.shift)?;
        if index == last {
            emit.exit();
        }
    }
    Ok(emit.out)
}

/// Copies the declarations of locals, adds the meter's three, and returns how many indices the
/// function's own parameters and locals take.
fn copy_locals<T: WasmModuleResources>(
    body: &FunctionBody<'_>,
    validator: &mut FuncValidator<T>,
    context: &mut FunctionContext<'_>,
    admission: &mut Admission,
    out: &mut Vec<u8>,
) -> Result<u32, MeterError> {
    let mut reader = body.get_locals_reader()?;
    let mut locals = u64::from(context.parameters);
    let mut groups = Vec::new();
    for _ in 0..reader.get_count() {
        let offset = reader.original_position();
        let (group, ty) = reader.read()?;
        validator.define_locals(offset, group, ty)?;
        locals = locals.saturating_add(u64::from(group));
        groups.push((group, context.shift.val_type(ty).map_err(encoding)?));
    }
    bound(
        "parameters and locals in one function",
        locals,
        admission::FUNCTION_LOCALS_MAX,
    )?;
    admission.locals = admission.locals.saturating_add(locals);
    groups.push((1, ValType::I64));
    groups.push((2, ValType::I32));
    groups.len().encode(out);
    for (group, ty) in groups {
        group.encode(out);
        ty.encode(out);
    }
    u32::try_from(locals).map_err(|_| MeterError::Encoding("too many locals".into()))
}

/// Reads and validates the body, and divides it into segments.
fn plan<'a, T: WasmModuleResources>(
    body: &FunctionBody<'a>,
    validator: &mut FuncValidator<T>,
    context: &FunctionContext<'_>,
    locals: u32,
    admission: &mut Admission,
) -> Result<Plan<'a>, MeterError> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    let mut weights: Vec<u64> = vec![0];
    let mut begins = true; // the operator about to be read begins a segment
    let mut reachable_segment = true; // the current segment's operators can run
    let (mut height_max, mut entries, mut nesting_max) = (0u32, 0u64, 0u32);
    let mut carried = CarriedLocals::new(locals);
    admission.blocks = admission.blocks.saturating_add(1);

    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (op, start) = reader.read_with_offset()?;
        let nesting = validator.control_stack_height().saturating_sub(1);
        let class = operator::class(&op)?;
        validator.op(start, &op)?;
        height_max = height_max.max(validator.operand_stack_height());
        nesting_max = nesting_max.max(nesting);

        let segment = begins.then(|| {
            if !steps.is_empty() {
                weights.push(0);
            }
            reachable_segment = true;
            weights.len() - 1
        });
        if reachable_segment && let Some(weight) = weights.last_mut() {
            *weight = weight.saturating_add(u64::from(class.weight(context.tier)));
        }
        begins = matches!(
            &op,
            Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::Else
                | Operator::End
                | Operator::BrIf { .. }
        );
        if operator::leaves(&op) {
            reachable_segment = false;
        }
        match &op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                admission.blocks = admission.blocks.saturating_add(1);
                carried.open();
            }
            Operator::End => carried.close(),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                carried.set(*local_index);
            }
            Operator::BrTable { targets } => {
                entries = entries.saturating_add(u64::from(targets.len()));
            }
            _ => {}
        }
        steps.push(Step {
            op,
            start,
            nesting,
            segment,
        });
    }
    reader.finish()?;
    bound(
        "nested blocks in one function",
        u64::from(nesting_max),
        admission::FUNCTION_NESTING_MAX,
    )?;
    bound(
        "br_table entries in one function",
        entries,
        admission::FUNCTION_BRANCH_TABLE_ENTRIES_MAX,
    )?;
    bound(
        "carried locals in one function",
        carried.sum,
        admission::FUNCTION_CARRIED_LOCALS_MAX,
    )?;
    admission.carried_locals = admission.carried_locals.saturating_add(carried.sum);
    admission.operators = admission.operators.saturating_add(count(steps.len()));
    admission.branch_table_entries = admission.branch_table_entries.saturating_add(entries);

    let slots = locals
        .saturating_add(context.results)
        .saturating_add(height_max);
    let operators = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let frame_units = slots
        .saturating_mul(SLOT_UNITS)
        .saturating_add(operators.saturating_mul(OPERATOR_STACK_UNITS))
        .saturating_add(FRAME_UNITS);
    Ok(Plan {
        steps,
        weights,
        frame_units,
    })
}

/// Writes the rewritten code.
struct Emitter {
    out: Vec<u8>,
    tier: Tier,
    globals: MeterGlobals,
    imported_functions: u32,
    /// The local that holds the units left.
    left: u32,
    /// The local that holds a bulk operator's length.
    length: u32,
    /// The local that holds what `memory.grow` answered.
    answer: u32,
    frame_units: u32,
}

impl Emitter {
    fn code(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.out)
    }

    fn entry(&mut self, weight: u64, wrapper: BlockType) {
        let (left, globals) = (self.left, self.globals);
        let frame = i32::try_from(self.frame_units).unwrap_or(i32::MAX);
        self.code()
            .global_get(globals.left)
            .i64_const(signed(weight))
            .i64_sub()
            .local_tee(left)
            .global_set(globals.left);
        self.check();
        self.code()
            .global_get(globals.stack_left)
            .i32_const(frame)
            .i32_sub()
            .global_set(globals.stack_left)
            .global_get(globals.stack_left)
            .i32_const(0)
            .i32_lt_s()
            .if_(BlockType::Empty)
            .unreachable()
            .end()
            .block(wrapper);
    }

    fn segment(&mut self, weight: u64, at_loop: bool) {
        let left = self.left;
        if weight > 0 {
            self.code()
                .local_get(left)
                .i64_const(signed(weight))
                .i64_sub()
                .local_set(left);
        }
        if at_loop {
            self.sync();
            self.check();
        }
    }

    fn sync(&mut self) {
        let (left, global) = (self.left, self.globals.left);
        self.code().local_get(left).global_set(global);
    }

    fn check(&mut self) {
        let left = self.left;
        self.code()
            .local_get(left)
            .i64_const(0)
            .i64_lt_s()
            .if_(BlockType::Empty)
            .unreachable()
            .end();
    }

    fn reload(&mut self) {
        let (left, global) = (self.left, self.globals.left);
        self.code().global_get(global).local_set(left);
    }

    fn release_frame(&mut self) {
        let global = self.globals.stack_left;
        let frame = i32::try_from(self.frame_units).unwrap_or(i32::MAX);
        self.code()
            .global_get(global)
            .i32_const(frame)
            .i32_add()
            .global_set(global);
    }

    /// After the `end` that closed the wrapping block.
    fn exit(&mut self) {
        self.sync();
        self.release_frame();
        self.code().end();
    }

    fn operator(
        &mut self,
        step: &Step<'_>,
        raw: &[u8],
        shift: &mut Shift,
    ) -> Result<(), MeterError> {
        match &step.op {
            Operator::GlobalGet { global_index } => {
                let index = shift.global_index(*global_index).map_err(encoding)?;
                self.code().global_get(index);
            }
            Operator::GlobalSet { global_index } => {
                let index = shift.global_index(*global_index).map_err(encoding)?;
                self.code().global_set(index);
            }
            Operator::Return => {
                self.code().br(step.nesting);
            }
            Operator::Call { function_index } => {
                self.sync();
                if *function_index < self.imported_functions {
                    self.check();
                }
                self.out.extend_from_slice(raw);
                self.reload();
            }
            Operator::CallIndirect { .. } => {
                self.sync();
                self.check();
                self.out.extend_from_slice(raw);
                self.reload();
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                self.sync();
                self.check();
                self.release_frame();
                self.out.extend_from_slice(raw);
            }
            Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. } => {
                self.charge_length(Class::MemoryBulk64Bytes, 6);
                self.out.extend_from_slice(raw);
            }
            Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. } => {
                self.charge_length(Class::TableElement, 0);
                self.out.extend_from_slice(raw);
            }
            Operator::MemoryGrow { .. } => {
                self.charge_length(Class::MemoryPage, 0);
                self.out.extend_from_slice(raw);
                self.note_growth();
            }
            _ => self.out.extend_from_slice(raw),
        }
        Ok(())
    }

    /// Charges `length × weight`, in units of 2^`per_shift`, for the length on top of the stack,
    /// which stays there.
    fn charge_length(&mut self, class: Class, per_shift: i64) {
        let (left, length) = (self.left, self.length);
        let weight = i64::from(class.weight(self.tier));
        let mut code = self.code();
        code.local_set(length).local_get(left).local_get(length);
        if matches!(class, Class::MemoryPage) {
            // No memory holds more: asking for more fails at once.
            code.i32_const(PAGES_MAX)
                .local_get(length)
                .i32_const(PAGES_MAX)
                .i32_lt_u()
                .select();
        }
        code.i64_extend_i32_u().i64_const(weight).i64_mul();
        if per_shift > 0 {
            code.i64_const(per_shift).i64_shr_u();
        }
        code.i64_sub().local_set(left);
        self.sync();
        self.check();
        self.code().local_get(length);
    }

    /// After `memory.grow`: if it did not fail, adds its pages, and its pages times the units left,
    /// the latter as two sums of 32-bit halves, so that neither can overflow.
    fn note_growth(&mut self) {
        let MeterGlobals {
            pages_grown,
            grown_low,
            grown_high,
            ..
        } = self.globals;
        let (left, length, answer) = (self.left, self.length, self.answer);
        self.code()
            .local_tee(answer)
            .i32_const(-1)
            .i32_ne()
            .if_(BlockType::Empty)
            .global_get(pages_grown)
            .local_get(length)
            .i64_extend_i32_u()
            .i64_add()
            .global_set(pages_grown)
            .global_get(grown_low)
            .local_get(length)
            .i64_extend_i32_u()
            .local_get(left)
            .i64_const(0xffff_ffff)
            .i64_and()
            .i64_mul()
            .i64_add()
            .global_set(grown_low)
            .global_get(grown_high)
            .local_get(length)
            .i64_extend_i32_u()
            .local_get(left)
            .i64_const(32)
            .i64_shr_u()
            .i64_mul()
            .i64_add()
            .global_set(grown_high)
            .end()
            .local_get(answer);
    }
}

/// Counts for each block, loop and `if` the different locals that are set within it: values that a
/// compiler has to bring together where control flow meets.
struct CarriedLocals {
    /// Bits of the locals set so far, for each open block.
    open: Vec<Vec<u64>>,
    words: usize,
    sum: u64,
}

impl CarriedLocals {
    fn new(locals: u32) -> CarriedLocals {
        let words = usize::try_from(locals.div_ceil(64)).unwrap_or(0);
        CarriedLocals {
            open: Vec::new(),
            words,
            sum: 0,
        }
    }

    fn open(&mut self) {
        self.open.push(vec![0; self.words]);
    }

    fn set(&mut self, local: u32) {
        let word = usize::try_from(local / 64).unwrap_or(usize::MAX);
        let set = self.open.last_mut().and_then(|open| open.get_mut(word));
        if let Some(bits) = set {
            *bits |= 1 << (local % 64);
        }
    }

    /// Ends the innermost block. What was set in it was set in the one around it, too.
    fn close(&mut self) {
        let Some(closed) = self.open.pop() else {
            return; // the function's own end
        };
        let different: u64 = closed.iter().map(|bits| u64::from(bits.count_ones())).sum();
        self.sum = self.sum.saturating_add(different);
        if let Some(around) = self.open.last_mut() {
            around
                .iter_mut()
                .zip(closed)
                .for_each(|(bits, more)| *bits |= more);
        }
    }
}

/// Pages of 64 KiB that a 32-bit memory can hold.
const PAGES_MAX: i32 = 65_536;

/// A segment's weight as an operand. A function of at most 1 MiB cannot weigh 2^63.
fn signed(weight: u64) -> i64 {
    i64::try_from(weight).unwrap_or(i64::MAX)
}
