//! What each operator does to values, control and the store, and the sync points of bulk operators and
//! throws (M5, 4 and 5; M9). Sync points that belong to a place in the text are in `run`.

use meterbox_meter::Class;

use crate::ending::{Exception, Stop, Trap};
use crate::operator::{Op, Place, index};
use crate::run::{Next, Run};
use crate::store::Span;
use crate::value::{ExnRef, Value};
use crate::vector::shuffle;

/// Bulk operators are charged for at most so many bytes, elements or pages, and `memory.grow` of a memory with
/// 32-bit indices for so many pages.
const BULK_LENGTH_MAX: u64 = 1 << 40;
const GROW_PAGES_MAX: u64 = 65_536;

impl Run<'_> {
    pub(crate) fn step(&mut self, op: &Op) -> Result<Next, Stop> {
        match op {
            Op::Nothing => {}
            // The laps of a counted loop that were paid for have all run when it ends.
            Op::Loop => debug_assert_eq!(self.laps, 0, "a counted loop ended early"),
            Op::If { otherwise } => {
                if self.pop().i32() == 0 {
                    self.frame.pc = *otherwise;
                }
            }
            Op::Goto(pc) => self.frame.pc = *pc,
            Op::Br(target) => self.branch(*target),
            Op::BrIf(target) => {
                if self.pop().i32() != 0 {
                    self.branch(*target);
                }
            }
            Op::BrTable(targets) => {
                let at = index(self.pop().i32()).min(targets.len() - 1);
                self.branch(targets[at]);
            }
            Op::Return => return Ok(self.leave()),
            Op::Unreachable => return Err(Trap::Unreachable.into()),
            Op::Call(function) => return self.enter(*function),
            Op::CallIndirect { ty, table } => {
                let at = self.pop().index();
                let function = self.function_in(*table, at, *ty)?;
                return self.enter_through_table(function);
            }
            Op::ReturnCall(function) => return self.enter_instead(*function),
            Op::ReturnCallIndirect { ty, table } => {
                let at = self.pop().index();
                let function = self.function_in(*table, at, *ty)?;
                return self.enter_instead_through_table(function);
            }
            Op::Throw(tag) => return Err(self.throw(*tag)),
            Op::ThrowRef => return Err(self.throw_ref()),

            Op::Drop => {
                self.pop();
            }
            Op::Select => {
                let condition = self.pop().i32();
                let (second, first) = (self.pop(), self.pop());
                self.push(if condition != 0 { first } else { second });
            }
            Op::LocalGet(local) => {
                let value = *self.local(*local);
                self.push(value);
            }
            Op::LocalSet(local) => *self.local(*local) = self.pop(),
            Op::LocalTee(local) => {
                let value = self.pop();
                *self.local(*local) = value;
                self.push(value);
            }
            Op::GlobalGet(global) => self.push(self.store.globals[*global]),
            Op::GlobalSet(global) => self.store.globals[*global] = self.pop(),
            Op::Const(value) => self.push(*value),
            Op::RefIsNull => {
                let is_null = self.pop().is_null();
                self.push(Value::I32(u32::from(is_null)));
            }
            _ => return self.compute(op),
        }
        Ok(Next::Operator)
    }

    /// Operators that compute a value from values.
    fn compute(&mut self, op: &Op) -> Result<Next, Stop> {
        let result = match op {
            Op::Unary(function) => function(self.pop()),
            Op::Binary(function) => {
                let (b, a) = (self.pop(), self.pop());
                function(a, b)
            }
            Op::UnaryOrTrap(function) => function(self.pop())?,
            Op::BinaryOrTrap(function) => {
                let (b, a) = (self.pop(), self.pop());
                function(a, b)?
            }
            Op::Bitselect => {
                let (mask, b, a) = (self.pop().bits(), self.pop().bits(), self.pop().bits());
                Value::V128((a & mask) | (b & !mask))
            }
            Op::Shuffle(lanes) => {
                let (b, a) = (self.pop().bits(), self.pop().bits());
                Value::V128(shuffle(lanes, a, b))
            }
            Op::ExtractLane(function, lane) => function(self.pop().bits(), *lane),
            Op::ReplaceLane(function, lane) => {
                let (value, vector) = (self.pop(), self.pop().bits());
                Value::V128(function(vector, *lane, value))
            }
            _ => return self.access(op),
        };
        self.push(result);
        Ok(Next::Operator)
    }

    /// Operators that reach a memory or a table, but for bulk operators.
    fn access(&mut self, op: &Op) -> Result<Next, Stop> {
        match op {
            Op::Load(place, make) => {
                let bits = self.load(*place)?;
                self.push(make(bits));
            }
            Op::Store(place) => {
                let bits = self.pop().bits();
                self.store_bits(*place, bits)?;
            }
            Op::LoadLane(place, lane) => {
                let vector = self.pop().bits();
                let lane_bits = self.load(*place)?;
                let shift = u32::from(*lane) * u32::from(place.bytes) * 8;
                let mask = u128::MAX >> (128 - u32::from(place.bytes) * 8) << shift;
                self.push(Value::V128((vector & !mask) | (lane_bits << shift)));
            }
            Op::StoreLane(place, lane) => {
                let vector = self.pop().bits();
                let shift = u32::from(*lane) * u32::from(place.bytes) * 8;
                self.store_bits(*place, vector >> shift)?;
            }
            Op::MemorySize(memory) => {
                let memory = &self.store.memories[*memory];
                self.push(number(memory.pages(), memory.is_64));
            }
            Op::TableGet(table) => {
                let at = self.pop().index();
                self.push(self.store.tables[*table].get(at)?);
            }
            Op::TableSet(table) => {
                let (element, at) = (self.pop(), self.pop().index());
                self.store.tables[*table].slice(at, 1)?.fill(element);
            }
            Op::TableSize(table) => {
                let table = &self.store.tables[*table];
                self.push(number(table.size(), table.is_64));
            }
            Op::DataDrop(data) => self.store.data[*data].clear(),
            Op::ElemDrop(elements) => self.store.elements[*elements].clear(),
            _ => return self.bulk(op),
        }
        Ok(Next::Operator)
    }

    /// The bytes of a load, little-endian.
    fn load(&mut self, place: Place) -> Result<u128, Trap> {
        let address = self.pop().index();
        let memory = &mut self.store.memories[place.memory];
        let mut bytes = [0; 16];
        bytes[..usize::from(place.bytes)].copy_from_slice(memory.at(
            address,
            place.offset,
            place.bytes,
        )?);
        Ok(u128::from_le_bytes(bytes))
    }

    fn store_bits(&mut self, place: Place, bits: u128) -> Result<(), Trap> {
        let address = self.pop().index();
        let bytes = &bits.to_le_bytes()[..usize::from(place.bytes)];
        self.store.memories[place.memory]
            .at(address, place.offset, place.bytes)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// Bulk operators (M9). All take their length from the top of the operand stack.
    fn bulk(&mut self, op: &Op) -> Result<Next, Stop> {
        let length = self.pop().index();
        self.charge_length(op, length)?;
        match op {
            Op::MemoryGrow(memory) => {
                let had = self.store.grow_memory(*memory, length);
                if had.is_some() {
                    self.meter.grown(length);
                }
                self.push(number(
                    had.unwrap_or(u64::MAX),
                    self.store.memories[*memory].is_64,
                ));
            }
            Op::TableGrow(table) => {
                let element = self.pop();
                let had = self.store.grow_table(*table, element, length);
                self.push(number(
                    had.unwrap_or(u64::MAX),
                    self.store.tables[*table].is_64,
                ));
            }
            Op::MemoryFill(memory) => {
                let (byte, to) = (self.pop().bits().to_le_bytes()[0], self.pop().index());
                self.store.memories[*memory].slice(to, length)?.fill(byte);
            }
            Op::TableFill(table) => {
                let (element, to) = (self.pop(), self.pop().index());
                self.store.tables[*table].slice(to, length)?.fill(element);
            }
            Op::MemoryCopy { to, from } => {
                let span = self.span(length);
                self.store.copy_memory(*to, *from, span)?;
            }
            Op::MemoryInit { memory, data } => {
                let span = self.span(length);
                self.store.init_memory(*memory, *data, span)?;
            }
            Op::TableCopy { to, from } => {
                let span = self.span(length);
                self.store.copy_table(*to, *from, span)?;
            }
            Op::TableInit { table, elements } => {
                let span = self.span(length);
                self.store.init_table(*table, *elements, span)?;
            }
            other => unreachable!("{other:?} is no bulk operator"),
        }
        Ok(Next::Operator)
    }

    fn span(&mut self, length: u64) -> Span {
        let (from, to) = (self.pop().index(), self.pop().index());
        Span { to, from, length }
    }

    /// M9: charged by length before they act, whether or not they then trap or fail; M5, 4: recorded after
    /// that; M7: and checked.
    fn charge_length(&mut self, op: &Op, length: u64) -> Result<(), Stop> {
        let weight = |class| self.meter.weight(class);
        let length = length.min(BULK_LENGTH_MAX);
        let units = match op {
            Op::MemoryFill(_) | Op::MemoryCopy { .. } | Op::MemoryInit { .. } => {
                length * weight(Class::MemoryBulk64Bytes) / 64
            }
            Op::MemoryGrow(memory) => {
                let most = match self.store.memories[*memory].is_64 {
                    true => BULK_LENGTH_MAX,
                    false => GROW_PAGES_MAX,
                };
                length.min(most) * weight(Class::MemoryPage)
            }
            _ => length * weight(Class::TableElement),
        };
        self.meter.charge(units);
        self.record_and_check()
    }

    /// M5, 5: recorded before `throw` and `throw_ref`; not checked.
    fn throw(&mut self, tag: u32) -> Stop {
        self.meter.record();
        let tag = &self.module.tags[index(tag)];
        let ty = &self.module.types[index(tag.ty)];
        let values = self.values.split_off(self.values.len() - ty.params().len());
        Stop::Exception(Exception {
            tag: tag.identity,
            values,
        })
    }

    fn throw_ref(&mut self) -> Stop {
        self.meter.record();
        match self.pop() {
            Value::Exn(Some(ExnRef(at))) => {
                Stop::Exception(self.store.exceptions[index(at)].clone())
            }
            Value::Exn(None) => Stop::Trap(Trap::NullReference),
            other => other.mistyped(),
        }
    }
}

/// A size or a count, of the type that the memory or table has for them; −1 is all bits of either.
fn number(number: u64, is_64: bool) -> Value {
    if is_64 {
        Value::I64(number)
    } else {
        Value::I32(u32::try_from(number).unwrap_or(u32::MAX))
    }
}
