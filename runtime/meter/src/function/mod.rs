//! Rewrites one function body: charges what it does, records at the sync points, counts the stack,
//! makes NaNs canonical. Knows nothing of the module around it but what it is given.
//!
//! The units left travel in a local: they come with every call as a parameter, beside the stack left,
//! and go back as a result. They are stored in the meter's global at the sync points only.

mod body;
mod calls;
mod canonical;
mod carried;
mod charging;
mod counted;
mod floats;
mod handlers;
mod laps;
mod lengths;
mod locals;
mod loops;
mod nans;

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{BlockType, BranchHint, InstructionSink};
use wasmparser::{FuncValidator, FunctionBody, Operator, WasmModuleResources};

use crate::admission::Admission;
use crate::facts::FunctionFacts;
use crate::hooks::Hooks;
use crate::module::{Shift, encoding, index};
use crate::operator;
use crate::schedule::Tier;
use crate::signatures::Signatures;
use crate::{Floats, MeterError};

use body::{Body, Step};
use charging::Charges;
use floats::{Fix, Fixes};
use locals::{Locals, Purpose};

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
    pub floats: Floats,
    pub globals: MeterGlobals,
    /// The functions that are told of calls, if any are.
    pub hooks: Option<Hooks>,
    pub imported_functions: u32,
    /// The type of the function.
    pub ty: u32,
    /// What the function is called in a profile.
    pub id: u32,
    /// The function is called from outside the module, too.
    pub from_outside: bool,
    pub signatures: &'a mut Signatures,
    pub shift: &'a mut Shift,
    /// Which memories and tables have 64-bit indices.
    pub wide_memories: &'a [bool],
    pub wide_tables: &'a [bool],
}

/// A rewritten body.
pub(crate) struct Rewritten {
    /// With the declarations of its locals.
    pub code: Vec<u8>,
    /// Which of the branches that were added are hardly ever taken.
    pub hints: Vec<BranchHint>,
    pub found: FunctionFacts,
}

/// Rewrites `body`, and adds what it holds to `admission`.
pub(crate) fn rewrite<T: WasmModuleResources>(
    body: &FunctionBody<'_>,
    validator: &mut FuncValidator<T>,
    context: &mut FunctionContext<'_>,
    admission: &mut Admission,
) -> Result<Rewritten, MeterError> {
    let (parameters, results) = context.signatures.of(context.ty)?;
    let results_count = u32::try_from(results.len()).unwrap_or(u32::MAX);
    let mut read = body::read(
        body,
        validator,
        &parameters,
        results_count,
        context.tier,
        admission,
    )?;
    // Whoever calls a program and meets a trap bills at least the call.
    read.small &= !context.from_outside;
    read.takes_stack &= !read.small;
    let wrapper = context.signatures.block(&[], &results)?;
    let fixes = match context.floats {
        Floats::Canonical => floats::fixes(&read),
        Floats::AsTheEngine => Fixes::new(),
    };
    let found = found(&read);
    let range = body.range();
    let mut emitter = Emitter {
        out: Vec::with_capacity(range.len().saturating_mul(2)),
        locals: Locals::new(&read),
        charges: charging::charges(&read),
        fixes,
        added: Vec::new(),
        hints: Vec::new(),
        handlers: Vec::new(),
        bytes: body.as_bytes(),
        offset: range.start,
        end: range.end,
        body: &read,
        context,
    };
    emitter.body(wrapper)?;
    let mut code = Vec::with_capacity(emitter.out.len() + 16);
    emitter.locals.encode(&mut code)?;
    let declarations = index(code.len())?;
    code.extend_from_slice(&emitter.out);
    let hints = emitter.hints.into_iter().map(|(at, taken)| BranchHint {
        branch_func_offset: declarations.saturating_add(at),
        branch_hint_value: u32::from(taken),
    });
    Ok(Rewritten {
        hints: hints.collect(),
        code,
        found,
    })
}

fn found(body: &Body<'_>) -> FunctionFacts {
    let mut found = FunctionFacts {
        operators: crate::module::count(body.steps.len()),
        small: body.small,
        frame_units: if body.takes_stack {
            body.frame_units
        } else {
            0
        },
        ..FunctionFacts::default()
    };
    for step in body.steps.iter().filter(|step| !step.dead) {
        if let (Operator::Loop { .. }, Some(note)) = (&step.op, &step.block) {
            found.loops += 1;
            found.counted_loops += u64::from(note.counted.is_some());
        }
    }
    found
}

/// Writes the rewritten code of one body.
struct Emitter<'e, 'a, 'c> {
    out: Vec<u8>,
    locals: Locals,
    charges: Charges,
    fixes: Fixes,
    /// For each open block, how many blocks of our own are around it.
    added: Vec<u32>,
    /// Where branches are, and whether their condition holds most likely.
    hints: Vec<(u32, bool)>,
    /// The steps of the `try_table`s that are open.
    handlers: Vec<usize>,
    /// The body's bytes, and where in the program they begin and end.
    bytes: &'a [u8],
    offset: usize,
    end: usize,
    body: &'e Body<'a>,
    context: &'e mut FunctionContext<'c>,
}

impl<'a> Emitter<'_, 'a, '_> {
    fn code(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.out)
    }

    fn body(&mut self, wrapper: BlockType) -> Result<(), MeterError> {
        self.enter();
        self.entry();
        self.code().block(wrapper);
        let body = self.body;
        let mut at = 0;
        while let Some(step) = body.steps.get(at) {
            at = self.step(at, step)?;
        }
        let exit = self.charges.exit;
        let left = self.locals.left();
        self.code().local_get(left);
        if exit != 0 {
            self.code().i64_const(exit).i64_sub();
        }
        if self.context.hooks.is_some() {
            self.code().local_set(left);
            self.leave();
            self.code().local_get(left);
        }
        self.code().end();
        Ok(())
    }

    /// Tells that the function begins.
    fn enter(&mut self) {
        let Some(hooks) = self.context.hooks else {
            return;
        };
        let id = i32::from_ne_bytes(self.context.id.to_ne_bytes());
        let left = self.locals.left();
        self.code().i32_const(id).local_get(left).call(hooks.enter);
        if self.body.has_handlers {
            let node = self.locals.own(Purpose::Node);
            self.code().local_set(node);
        } else {
            self.code().drop();
        }
    }

    /// Tells that the function ends here, with nothing left to charge.
    fn leave(&mut self) {
        if let Some(hooks) = self.context.hooks {
            let left = self.locals.left();
            self.code().local_get(left).call(hooks.leave);
        }
    }

    /// Tells that an exception was caught here, which ended all functions that this one had called.
    fn caught_here(&mut self) {
        if let Some(hooks) = self.context.hooks {
            let (node, left) = (self.locals.own(Purpose::Node), self.locals.left());
            self.code()
                .local_get(node)
                .local_get(left)
                .call(hooks.caught);
        }
    }

    /// Charges the first segment, records and checks, unless the function is small; and takes the frame, if it
    /// has one.
    fn entry(&mut self) {
        self.charge(self.charges.entry);
        if self.body.small {
            return;
        }
        self.record();
        self.check();
        if !self.body.takes_stack {
            return;
        }
        let (stack, global) = (self.locals.stack(), self.context.globals.stack_left);
        let frame = self.frame();
        self.code()
            .local_get(stack)
            .i64_const(frame)
            .i64_sub()
            .local_tee(stack)
            .i64_const(0)
            .i64_lt_s();
        self.hinted_if(false);
        self.code()
            .local_get(stack)
            .i32_wrap_i64()
            .global_set(global)
            .unreachable()
            .end();
    }

    /// What the frame takes of the stack.
    fn frame(&self) -> i64 {
        match self.body.takes_stack {
            true => i64::from(self.body.frame_units.min(i32::MAX.unsigned_abs())),
            false => 0,
        }
    }

    /// Subtracts units from those left.
    fn charge(&mut self, units: i64) {
        let left = self.locals.left();
        if units != 0 {
            self.code()
                .local_get(left)
                .i64_const(units)
                .i64_sub()
                .local_set(left);
        }
    }

    /// Stores the units left in the meter's global.
    fn record(&mut self) {
        let (left, global) = (self.locals.left(), self.context.globals.left);
        self.code().local_get(left).global_set(global);
    }

    /// Ends the run if the units left are below zero.
    fn check(&mut self) {
        let left = self.locals.left();
        self.code().local_get(left).i64_const(0).i64_lt_s();
        self.hinted_if(false);
        self.code().unreachable().end();
    }

    /// `if`, with a hint whether its condition holds most likely.
    fn hinted_if(&mut self, likely: bool) {
        let at = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
        self.hints.push((at, likely));
        self.code().if_(BlockType::Empty);
    }

    /// Takes the units left from the meter's global.
    fn reload(&mut self) {
        let (left, global) = (self.locals.left(), self.context.globals.left);
        self.code().global_get(global).local_set(left);
    }

    /// The bytes of a step.
    fn raw(&self, at: usize) -> &'a [u8] {
        let start = self.body.steps[at].start;
        let end = self
            .body
            .steps
            .get(at + 1)
            .map_or(self.end, |next| next.start);
        &self.bytes[start - self.offset..end - self.offset]
    }

    /// Writes one operator with what surrounds it, and returns the step to go on with.
    fn step(&mut self, at: usize, step: &Step<'a>) -> Result<usize, MeterError> {
        if step.dead {
            return Ok(at + 1);
        }
        self.fix_locals(at);
        let charge = self.charges.steps[at];
        self.charge(charge.before);
        match &step.op {
            Operator::Loop { .. } => {
                if let Some(counted) = step.block.as_ref().and_then(|note| note.counted.as_ref()) {
                    return self.counted_loop(at, counted);
                }
                self.open(at, 0);
                self.charge(charge.inside);
                self.record();
                self.check();
            }
            Operator::Block { .. } | Operator::If { .. } => self.open(at, 0),
            Operator::TryTable { try_table } => self.try_table(at, try_table)?,
            Operator::End => self.close(at)?,
            Operator::Br { relative_depth } => {
                let depth = self.depth(*relative_depth);
                self.code().br(depth);
            }
            Operator::BrIf { relative_depth } => {
                let depth = self.depth(*relative_depth);
                // Taken back if the branch is not taken: cheaper than another branch.
                self.charge(charge.inside);
                self.code().br_if(depth);
                self.charge(-charge.inside);
            }
            Operator::BrTable { targets } => {
                let mut depths = Vec::new();
                for depth in targets.targets() {
                    depths.push(self.depth(depth?));
                }
                let default = self.depth(targets.default());
                self.code().br_table(depths, default);
            }
            Operator::Return => {
                let depth = self.depth(step.nesting);
                self.code().br(depth);
            }
            op if self.call(op)? => {}
            op if operator::is_bulk(op) => self.by_length(at, op),
            _ => self.plain(at)?,
        }
        self.fix_top(at);
        Ok(at + 1)
    }

    /// Writes an operator that only needs its indices changed, if that.
    fn plain(&mut self, at: usize) -> Result<(), MeterError> {
        match &self.body.steps[at].op {
            Operator::LocalGet { local_index } => {
                let local = self.locals.guest(*local_index);
                self.code().local_get(local);
            }
            Operator::LocalSet { local_index } => {
                let local = self.locals.guest(*local_index);
                self.code().local_set(local);
            }
            Operator::LocalTee { local_index } => {
                let local = self.locals.guest(*local_index);
                self.code().local_tee(local);
            }
            Operator::GlobalGet { global_index } => {
                let index = self.context.shift.global_index(*global_index);
                let index = index.map_err(encoding)?;
                self.code().global_get(index);
            }
            Operator::GlobalSet { global_index } => {
                let index = self.context.shift.global_index(*global_index);
                let index = index.map_err(encoding)?;
                self.code().global_set(index);
            }
            Operator::RefFunc { function_index } => {
                let index = self.context.shift.function_index(*function_index);
                let index = index.map_err(encoding)?;
                self.code().ref_func(index);
            }
            Operator::Select | Operator::TypedSelect { .. } => self.select(at),
            Operator::Throw { .. } | Operator::ThrowRef => {
                self.record();
                self.out.extend_from_slice(self.raw(at));
            }
            _ => self.out.extend_from_slice(self.raw(at)),
        }
        Ok(())
    }

    /// Writes what opens a block, with blocks of our own around it.
    fn open(&mut self, at: usize, added: u32) {
        self.out.extend_from_slice(self.raw(at));
        self.added.push(added);
    }

    fn close(&mut self, at: usize) -> Result<(), MeterError> {
        self.added.pop();
        self.code().end();
        self.after_try_table(at)
    }

    /// How far a label is, with the blocks that were added.
    fn depth(&self, depth: u32) -> u32 {
        let crossed = self.added.iter().rev();
        let crossed = crossed.take(crate::module::position(depth));
        depth + crossed.sum::<u32>()
    }

    /// Writes a `select`, whose result may have to be made canonical.
    fn select(&mut self, at: usize) {
        let raw = self.raw(at);
        let fixes = self.fixes.get(&at).into_iter().flatten();
        let selected = fixes.copied().find_map(|fix| match fix {
            Fix::Selected(which, kind) => Some((which, kind)),
            _ => None,
        });
        match selected {
            Some((which, kind)) => self.canonical_select(raw, which, kind),
            None => self.out.extend_from_slice(raw),
        }
    }

    fn fix_locals(&mut self, at: usize) {
        let Some(fixes) = self.fixes.get(&at).cloned() else {
            return;
        };
        for fix in fixes {
            if let Fix::Local(local, kind) = fix {
                self.canonical_local(local, kind);
            }
        }
    }

    fn fix_top(&mut self, at: usize) {
        let Some(fixes) = self.fixes.get(&at).cloned() else {
            return;
        };
        for fix in fixes {
            if let Fix::Top(kind) = fix {
                self.canonical_top(kind);
            }
        }
    }
}
