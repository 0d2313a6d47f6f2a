//! Statements: operators that leave the operand stack as it was. Knows nothing of modules.

use arbitrary::{Result, Unstructured};
use wasm_encoder::{BlockType, Catch, MemArg, ValType};

use super::{Body, IMPORTED};

/// The memory's type of address.
pub(super) fn address(memory: u32) -> ValType {
    match memory {
        0 => ValType::I32,
        _ => ValType::I64,
    }
}

impl Body<'_> {
    pub(super) fn statements(&mut self, u: &mut Unstructured<'_>, most: u32) -> Result<()> {
        for _ in 0..u.int_in_range(0..=most)? {
            if self.fuel == 0 || u.is_empty() {
                break;
            }
            self.fuel -= 1;
            self.statement(u)?;
        }
        Ok(())
    }

    /// Ends the function, with its results or in another way.
    pub(super) fn finish(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let results = self.signature.results.clone();
        let same = |at: &usize| self.world.functions[*at].results == results;
        let tails: Vec<usize> = (0..self.world.functions.len()).filter(same).collect();
        match u.int_in_range(0..=9)? {
            0 if !tails.is_empty() => {
                let callee = *u.choose(&tails)?;
                let parameters = self.world.functions[callee].parameters.clone();
                self.values(u, &parameters)?;
                let callee = u32::try_from(callee).unwrap();
                if u.arbitrary()? {
                    self.code.instructions().return_call(callee);
                } else {
                    self.expression(u, ValType::I32, 1)?;
                    let mut code = self.code.instructions();
                    code.i32_const(7).i32_and().return_call_indirect(0, callee);
                }
            }
            1 => {
                self.values(u, &results)?;
                self.code.instructions().return_();
            }
            _ => self.values(u, &results)?,
        }
        self.code.instructions().end();
        Ok(())
    }

    /// Pushes a value of each of the types.
    pub(super) fn values(&mut self, u: &mut Unstructured<'_>, types: &[ValType]) -> Result<()> {
        types.iter().try_for_each(|ty| self.expression(u, *ty, 3))
    }

    fn statement(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=21)? {
            0..=2 => {
                let local = self.settable(u)?;
                self.expression(u, self.local_type(local), 4)?;
                self.code.instructions().local_set(local);
            }
            3 => {
                let ty = *u.choose(&super::TYPES)?;
                self.expression(u, ty, 4)?;
                self.code.instructions().drop();
            }
            4 | 5 => self.store(u)?,
            6 => {
                let global = u.choose_index(self.world.globals.len())?;
                self.expression(u, self.world.globals[global], 4)?;
                let index = u32::try_from(global).unwrap();
                self.code.instructions().global_set(index);
            }
            7 | 8 => {
                self.expression(u, ValType::I32, 3)?;
                self.code.instructions().if_(BlockType::Empty);
                self.labels.push(Vec::new());
                self.statements(u, 3)?;
                if u.arbitrary()? {
                    self.code.instructions().else_();
                    self.statements(u, 3)?;
                }
                self.close();
            }
            9 => {
                self.code.instructions().block(BlockType::Empty);
                self.labels.push(Vec::new());
                self.statements(u, 5)?;
                self.close();
            }
            10..=12 => self.counted(u)?,
            13 => self.other_loop(u)?,
            14 => self.branch_if(u)?,
            15 => self.branch_table(u)?,
            16 | 17 => {
                let function = u.choose_index(self.world.functions.len())?;
                let results = self.call(u, function)?;
                (0..results).for_each(|_| {
                    self.code.instructions().drop();
                });
            }
            19 if !self.world.tags.is_empty() => self.handler(u)?,
            18 | 19 => self.bulk(u)?,
            20 => self.leave(u)?,
            _ => self.grow(u)?,
        }
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.code.instructions().end();
        self.labels.pop();
    }

    pub(super) fn local_type(&self, local: u32) -> ValType {
        self.locals[usize::try_from(local).unwrap()]
    }

    /// A local that may be set here.
    pub(super) fn settable(&self, u: &mut Unstructured<'_>) -> Result<u32> {
        let locals = u32::try_from(self.locals.len()).unwrap();
        let free: Vec<u32> = (0..locals)
            .filter(|local| !self.kept.contains(local))
            .collect();
        u.choose(&free).copied()
    }

    pub(super) fn memory(&self, u: &mut Unstructured<'_>) -> Result<u32> {
        Ok(u32::from(self.world.second_memory && u.ratio(1, 3)?))
    }

    /// Pushes an address, most often within the memory.
    pub(super) fn address(&mut self, u: &mut Unstructured<'_>, memory: u32) -> Result<MemArg> {
        let ty = address(memory);
        self.expression(u, ty, 2)?;
        if u.ratio(15, 16)? {
            let mut code = self.code.instructions();
            match ty {
                ValType::I64 => code.i64_const(0xfff8).i64_and(),
                _ => code.i32_const(0xfff8).i32_and(),
            };
        }
        Ok(MemArg {
            offset: u.int_in_range(0..=7)?,
            align: 0,
            memory_index: memory,
        })
    }

    fn store(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let memory = self.memory(u)?;
        let at = self.address(u, memory)?;
        let ty = *u.choose(&super::TYPES)?;
        self.expression(u, ty, 4)?;
        let mut code = self.code.instructions();
        match ty {
            ValType::I32 => code.i32_store8(at),
            ValType::I64 => code.i64_store(at),
            ValType::F32 => code.f32_store(at),
            ValType::F64 => code.f64_store(at),
            _ => code.v128_store(at),
        };
        Ok(())
    }

    /// A label that a branch can go to without values, or with those that are pushed for it.
    fn branch_if(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let depth = u.choose_index(self.labels.len())?;
        let label = self.labels[self.labels.len() - 1 - depth].clone();
        self.values(u, &label)?;
        self.expression(u, ValType::I32, 3)?;
        self.code
            .instructions()
            .br_if(u32::try_from(depth).unwrap());
        label.iter().for_each(|_| {
            self.code.instructions().drop();
        });
        Ok(())
    }

    /// How far a label is that takes nothing along. There must be one.
    fn empty_label(&self, u: &mut Unstructured<'_>) -> Result<u32> {
        let labels = (0..).zip(self.labels.iter().rev());
        let empty = labels.filter(|(_, types)| types.is_empty());
        let depths: Vec<u32> = empty.map(|(depth, _)| depth).collect();
        u.choose(&depths).copied()
    }

    fn branch_table(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let count = u.int_in_range(1..=4u32)?;
        for _ in 0..count {
            self.code.instructions().block(BlockType::Empty);
            self.labels.push(Vec::new());
        }
        self.expression(u, ValType::I32, 3)?;
        let mut targets = Vec::new();
        for _ in 0..count {
            targets.push(self.empty_label(u)?);
        }
        let default = self.empty_label(u)?;
        let mut code = self.code.instructions();
        code.i32_const(3).i32_and().br_table(targets, default);
        for _ in 0..count {
            self.close();
            self.statements(u, 2)?;
        }
        Ok(())
    }

    /// Calls a function, and says how many results it leaves.
    pub(super) fn call(&mut self, u: &mut Unstructured<'_>, function: usize) -> Result<usize> {
        let signature = self.world.functions[function].clone();
        self.values(u, &signature.parameters)?;
        let index = u32::try_from(function).unwrap();
        if u.ratio(1, 3)? {
            // An element that has the type, most often.
            if u.ratio(3, 4)? {
                self.code.instructions().i32_const(index.cast_signed());
            } else {
                self.expression(u, ValType::I32, 1)?;
                self.code.instructions().i32_const(15).i32_and();
            }
            self.code.instructions().call_indirect(0, index);
        } else {
            self.code.instructions().call(index);
        }
        Ok(signature.results.len())
    }

    fn bulk(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let memory = self.memory(u)?;
        let ty = address(memory);
        let length = *u.choose(&[0, 1, 63, 64, 65, 200, 5000, 70_000, -1])?;
        match u.int_in_range(0..=5)? {
            0 => {
                self.expression(u, ty, 1)?;
                self.expression(u, ValType::I32, 1)?;
                self.push(ty, length);
                self.code.instructions().memory_fill(memory);
            }
            1 => {
                let other = self.memory(u)?;
                self.small(u, ty)?;
                self.small(u, address(other))?;
                let narrow = memory == 0 || other == 0;
                let ty = if narrow { ValType::I32 } else { ValType::I64 };
                self.push(ty, length);
                self.code.instructions().memory_copy(memory, other);
            }
            2 => {
                self.small(u, ty)?;
                self.code.instructions().i32_const(0);
                self.push(ValType::I32, length);
                self.code.instructions().memory_init(memory, 0);
            }
            3 => {
                self.small(u, ValType::I32)?;
                self.code
                    .instructions()
                    .i32_const(1)
                    .i32_const(3)
                    .table_init(0, 1);
            }
            4 => {
                let mut code = self.code.instructions();
                code.i32_const(2).i32_const(0);
                self.push(ValType::I32, length);
                self.code.instructions().table_copy(0, 0);
            }
            _ => {
                let mut code = self.code.instructions();
                code.i32_const(1).ref_func(IMPORTED);
                self.push(ValType::I32, length % 4);
                self.code.instructions().table_fill(0);
            }
        }
        Ok(())
    }

    fn small(&mut self, u: &mut Unstructured<'_>, ty: ValType) -> Result<()> {
        let value = u.int_in_range(0..=3000)?;
        self.push(ty, value);
        Ok(())
    }

    /// Pushes an integer.
    pub(super) fn push(&mut self, ty: ValType, value: i32) {
        let mut code = self.code.instructions();
        match ty {
            ValType::I64 => code.i64_const(i64::from(value)),
            _ => code.i32_const(value),
        };
    }

    fn grow(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if u.ratio(1, 3)? {
            let mut code = self.code.instructions();
            code.ref_func(0).i32_const(1).table_grow(0).drop();
            return Ok(());
        }
        let memory = self.memory(u)?;
        let pages = *u.choose(&[0, 1, 2, 5, 65_537, -1])?;
        self.push(address(memory), pages);
        self.code.instructions().memory_grow(memory).drop();
        Ok(())
    }

    /// A block that catches what its statements throw, or what they call throws.
    fn handler(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let tag = u.choose_index(self.world.tags.len())?;
        let carried = self.world.tags[tag].clone();
        let index = u32::try_from(tag).unwrap();
        // A block for the tag's own type, which has no results: what is caught is dropped there.
        let block = match carried.as_slice() {
            [] => BlockType::Empty,
            [one] => BlockType::Result(*one),
            _ => return self.throw(u, tag),
        };
        self.code.instructions().block(BlockType::Empty);
        self.labels.push(Vec::new());
        self.code.instructions().block(block);
        self.labels.push(carried.clone());
        let mut catches = vec![Catch::One {
            tag: index,
            label: 0,
        }];
        if u.arbitrary()? {
            // To any label around that takes nothing along: others come there with other counts.
            let label = self.empty_label(u)?;
            catches.push(Catch::All { label });
        }
        self.code
            .instructions()
            .try_table(BlockType::Empty, catches);
        self.labels.push(Vec::new());
        self.statements(u, 4)?;
        if u.arbitrary()? {
            self.expression(u, ValType::I32, 2)?;
            self.code.instructions().if_(BlockType::Empty);
            self.labels.push(Vec::new());
            self.throw(u, tag)?;
            self.close();
        }
        self.close();
        self.code.instructions().br(1);
        self.close();
        carried.iter().for_each(|_| {
            self.code.instructions().drop();
        });
        self.close();
        Ok(())
    }

    fn throw(&mut self, u: &mut Unstructured<'_>, tag: usize) -> Result<()> {
        let carried = self.world.tags[tag].clone();
        self.values(u, &carried)?;
        self.code.instructions().throw(u32::try_from(tag).unwrap());
        Ok(())
    }

    /// Leaves for good, in a block of its own, so that what follows is reached in other ways.
    fn leave(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.expression(u, ValType::I32, 3)?;
        self.code.instructions().if_(BlockType::Empty);
        self.labels.push(Vec::new());
        match u.int_in_range(0..=4)? {
            0 => {
                self.code.instructions().unreachable();
            }
            1 => {
                let results = self.signature.results.clone();
                self.values(u, &results)?;
                self.code.instructions().return_();
            }
            2 if !self.world.tags.is_empty() => {
                let tag = u.choose_index(self.world.tags.len())?;
                self.throw(u, tag)?;
            }
            _ => {
                let depth = u.choose_index(self.labels.len())?;
                let label = self.labels[self.labels.len() - 1 - depth].clone();
                self.values(u, &label)?;
                self.code.instructions().br(u32::try_from(depth).unwrap());
            }
        }
        if u.ratio(1, 4)? {
            // What control cannot reach.
            self.code
                .instructions()
                .i32_const(1)
                .drop()
                .block(BlockType::Empty)
                .end();
        }
        self.close();
        Ok(())
    }
}
