//! Writes bulk operators, which are charged by length, and what growth adds to the memory integral.

use wasm_encoder::BlockType;
use wasmparser::Operator;

use super::Emitter;
use super::locals::{Purpose, Width};
use crate::module::position;
use crate::schedule::Class;

/// The longest length that is charged: longer ones are charged as this.
const LENGTH_MAX: i64 = 1 << 40;
/// The most pages of a memory with 32-bit indices that are charged: growing by more fails at once.
const PAGES_MAX: i64 = 65_536;

impl Emitter<'_, '_, '_> {
    /// Writes a bulk operator.
    pub(super) fn by_length(&mut self, at: usize, op: &Operator<'_>) {
        let (class, wide) = match op {
            Operator::MemoryGrow { mem } => (Class::MemoryPage, self.wide_memory(*mem)),
            Operator::MemoryFill { mem } => (Class::MemoryBulk64Bytes, self.wide_memory(*mem)),
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let wide = self.wide_memory(*dst_mem) && self.wide_memory(*src_mem);
                (Class::MemoryBulk64Bytes, wide)
            }
            Operator::MemoryInit { .. } => (Class::MemoryBulk64Bytes, false),
            Operator::TableFill { table } | Operator::TableGrow { table } => {
                (Class::TableElement, self.wide_table(*table))
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => {
                let wide = self.wide_table(*dst_table) && self.wide_table(*src_table);
                (Class::TableElement, wide)
            }
            _ => (Class::TableElement, false),
        };
        let width = Width::of(wide);
        let length = self.locals.own(Purpose::Length(width));
        self.code().local_set(length);
        self.charge_length(class, length, width);
        self.record();
        self.check();
        self.code().local_get(length);
        self.out.extend_from_slice(self.raw(at));
        if class == Class::MemoryPage {
            self.note_growth(length, width);
        }
    }

    fn wide_memory(&self, memory: u32) -> bool {
        let wide = self.context.wide_memories.get(position(memory));
        wide.copied().unwrap_or(false)
    }

    fn wide_table(&self, table: u32) -> bool {
        let wide = self.context.wide_tables.get(position(table));
        wide.copied().unwrap_or(false)
    }

    /// Pushes a length as an i64.
    fn push_length(&mut self, length: u32, width: Width) {
        self.code().local_get(length);
        if width == Width::I32 {
            self.code().i64_extend_i32_u();
        }
    }

    /// Subtracts length × weight, in units of 64 for bytes.
    fn charge_length(&mut self, class: Class, length: u32, width: Width) {
        let weight = i64::from(class.weight(self.context.tier));
        let left = self.locals.left();
        let max = match (class, width) {
            (_, Width::I64) => Some(LENGTH_MAX),
            (Class::MemoryPage, Width::I32) => Some(PAGES_MAX),
            (_, Width::I32) => None,
        };
        self.code().local_get(left);
        self.push_length(length, width);
        if let Some(max) = max {
            self.code().i64_const(max);
            self.push_length(length, width);
            self.code().i64_const(max).i64_lt_u().select();
        }
        self.code().i64_const(weight).i64_mul();
        if class == Class::MemoryBulk64Bytes {
            self.code().i64_const(6).i64_shr_u();
        }
        self.code().i64_sub().local_set(left);
    }

    /// After `memory.grow`: if it did not fail, adds its pages, and its pages times the units left,
    /// the latter as two sums of 32-bit halves, so that neither can overflow.
    fn note_growth(&mut self, length: u32, width: Width) {
        let globals = self.context.globals;
        let left = self.locals.left();
        let answer = self.locals.own(Purpose::Answer(width));
        self.code().local_tee(answer);
        match width {
            Width::I32 => self.code().i32_const(-1).i32_ne().if_(BlockType::Empty),
            Width::I64 => self.code().i64_const(-1).i64_ne().if_(BlockType::Empty),
        };
        self.code().global_get(globals.pages_grown);
        self.push_length(length, width);
        self.code().i64_add().global_set(globals.pages_grown);

        self.code().global_get(globals.grown_low);
        self.push_length(length, width);
        self.code()
            .local_get(left)
            .i64_const(0xffff_ffff)
            .i64_and()
            .i64_mul()
            .i64_add()
            .global_set(globals.grown_low)
            .global_get(globals.grown_high);
        self.push_length(length, width);
        self.code()
            .local_get(left)
            .i64_const(32)
            .i64_shr_u()
            .i64_mul()
            .i64_add()
            .global_set(globals.grown_high)
            .end()
            .local_get(answer);
    }
}
