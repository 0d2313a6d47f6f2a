//! What an instance holds: memories, tables, globals, segments, and the exceptions that it caught with a
//! reference. Charges nothing: whether an access fits is all that it answers.

use crate::ending::{Exception, Trap};
use crate::value::{ExnRef, Value};

pub(crate) const PAGE_BYTES: u64 = 65_536;

/// Pages that a memory can have whose addresses are 32 bits, and 64.
const PAGES_MAX_32: u64 = 1 << 16;
const PAGES_MAX_64: u64 = 1 << 48;

#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    /// Its declared maximum, or all that its addresses reach.
    pages_max: u64,
    pub(crate) is_64: bool,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) elements: Vec<Value>,
    elements_max: u64,
    pub(crate) is_64: bool,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) memories: Vec<Memory>,
    pub(crate) tables: Vec<Table>,
    pub(crate) globals: Vec<Value>,
    /// Empty once dropped.
    pub(crate) elements: Vec<Vec<Value>>,
    /// Empty once dropped.
    pub(crate) data: Vec<Vec<u8>>,
    /// What `exnref`s stand for. Each costs what `throw` costs.
    pub(crate) exceptions: Vec<Exception>,
    /// Pages that all memories may have together.
    pub(crate) pages_max: u64,
    /// Elements that all tables may have together.
    pub(crate) table_elements_max: u64,
}

/// The part of something this long that begins at `from`, if it fits.
fn within(all: usize, from: u64, length: u64) -> Option<std::ops::Range<usize>> {
    let end = from.checked_add(length)?;
    let (from, end) = (usize::try_from(from).ok()?, usize::try_from(end).ok()?);
    (end <= all).then_some(from..end)
}

impl Memory {
    /// A memory, if the host has the bytes.
    pub(crate) fn new(ty: &wasmparser::MemoryType) -> Option<Memory> {
        let all = if ty.memory64 {
            PAGES_MAX_64
        } else {
            PAGES_MAX_32
        };
        let bytes = usize::try_from(ty.initial.checked_mul(PAGE_BYTES)?).ok()?;
        Some(Memory {
            bytes: vec![0; bytes],
            pages_max: ty.maximum.unwrap_or(all).min(all),
            is_64: ty.memory64,
        })
    }

    pub(crate) fn pages(&self) -> u64 {
        u64::try_from(self.bytes.len()).expect("an address fits") / PAGE_BYTES
    }

    pub(crate) fn slice(&mut self, from: u64, length: u64) -> Result<&mut [u8], Trap> {
        within(self.bytes.len(), from, length)
            .map(|range| &mut self.bytes[range])
            .ok_or(Trap::MemoryOutOfBounds)
    }

    /// The bytes at an address and an offset, which together may be more than an address.
    pub(crate) fn at(&mut self, address: u64, offset: u64, bytes: u8) -> Result<&mut [u8], Trap> {
        let from = address.checked_add(offset);
        self.slice(from.ok_or(Trap::MemoryOutOfBounds)?, u64::from(bytes))
    }
}

impl Table {
    pub(crate) fn new(ty: &wasmparser::TableType, element: Value) -> Option<Table> {
        let all = if ty.table64 {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        Some(Table {
            elements: vec![element; usize::try_from(ty.initial).ok()?],
            elements_max: ty.maximum.unwrap_or(all),
            is_64: ty.table64,
        })
    }

    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.elements.len()).expect("a length fits")
    }

    pub(crate) fn get(&self, at: u64) -> Result<Value, Trap> {
        let at = usize::try_from(at).ok();
        at.and_then(|at| self.elements.get(at).copied())
            .ok_or(Trap::TableOutOfBounds)
    }

    pub(crate) fn slice(&mut self, from: u64, length: u64) -> Result<&mut [Value], Trap> {
        within(self.elements.len(), from, length)
            .map(|range| &mut self.elements[range])
            .ok_or(Trap::TableOutOfBounds)
    }
}

/// The part of a segment that is named, or the trap.
fn part<T>(segment: &[T], from: u64, length: u64, trap: Trap) -> Result<&[T], Trap> {
    within(segment.len(), from, length)
        .map(|range| &segment[range])
        .ok_or(trap)
}

/// Where something is copied to and from, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) to: u64,
    pub(crate) from: u64,
    pub(crate) length: u64,
}

impl Store {
    /// Adds pages to a memory; the pages it had, or none if it cannot have so many.
    pub(crate) fn grow_memory(&mut self, memory: usize, pages: u64) -> Option<u64> {
        let had = self.memories[memory].pages();
        let all = self.memories.iter().map(Memory::pages).sum::<u64>();
        let now = had.checked_add(pages)?;
        if now > self.memories[memory].pages_max || all.checked_add(pages)? > self.pages_max {
            return None;
        }
        let bytes = usize::try_from(now.checked_mul(PAGE_BYTES)?).ok()?;
        self.memories[memory].bytes.resize(bytes, 0);
        Some(had)
    }

    /// Adds elements to a table; how many it had, or none if it cannot have so many.
    pub(crate) fn grow_table(&mut self, table: usize, element: Value, by: u64) -> Option<u64> {
        let had = self.tables[table].size();
        let all = self.tables.iter().map(Table::size).sum::<u64>();
        let now = had.checked_add(by)?;
        let limit = self.table_elements_max;
        if now > self.tables[table].elements_max || all.checked_add(by)? > limit {
            return None;
        }
        let now = usize::try_from(now).ok()?;
        self.tables[table].elements.resize(now, element);
        Some(had)
    }

    /// A reference to an exception that was caught.
    pub(crate) fn keep_exception(&mut self, exception: Exception) -> ExnRef {
        let at = u32::try_from(self.exceptions.len()).expect("each costs what `throw` costs");
        self.exceptions.push(exception);
        ExnRef(at)
    }

    pub(crate) fn copy_memory(&mut self, to: usize, from: usize, span: Span) -> Result<(), Trap> {
        let bytes = self.memories[from].slice(span.from, span.length)?.to_vec();
        self.memories[to]
            .slice(span.to, span.length)?
            .copy_from_slice(&bytes);
        Ok(())
    }

    pub(crate) fn init_memory(&mut self, to: usize, data: usize, span: Span) -> Result<(), Trap> {
        let trap = Trap::MemoryOutOfBounds;
        let bytes = part(&self.data[data], span.from, span.length, trap)?;
        self.memories[to]
            .slice(span.to, span.length)?
            .copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn copy_table(&mut self, to: usize, from: usize, span: Span) -> Result<(), Trap> {
        let elements = self.tables[from].slice(span.from, span.length)?.to_vec();
        self.tables[to]
            .slice(span.to, span.length)?
            .copy_from_slice(&elements);
        Ok(())
    }

    pub(crate) fn init_table(&mut self, to: usize, segment: usize, span: Span) -> Result<(), Trap> {
        let trap = Trap::TableOutOfBounds;
        let elements = part(&self.elements[segment], span.from, span.length, trap)?;
        self.tables[to]
            .slice(span.to, span.length)?
            .copy_from_slice(elements);
        Ok(())
    }
}
