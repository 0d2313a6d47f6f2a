//! Compares the rewritten program on an engine with the program as it came on the second
//! implementation. Never decides what is run.

use meterbox_meter::{Floats, MeterError, Options, meter_with};

use wasmparser::ValType;

use crate::case::{Bits, Call, Done, Ending};
use crate::engine::{Compiled, Wasmtime};
use crate::reference::Reference;

/// How programs are rewritten to be compared: as jobs are, without a limit on their memories.
pub const OPTIONS: Options = Options {
    memory_bytes_max: None,
    floats: Floats::Canonical,
    hooks: false,
};

/// What a program exports that a comparison calls or looks at, each in the order of the exports.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    /// Functions that can be called with numbers and null references to functions, with their parameters.
    pub functions: Vec<(String, Vec<ValType>)>,
    /// Names of globals.
    pub globals: Vec<String>,
    /// Memories.
    pub memories: Vec<Memory>,
}

/// An exported memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Its name.
    pub name: String,
    /// Which one of the module's memories it is, imported ones first.
    pub index: usize,
}

impl Exports {
    /// The exports of a module.
    ///
    /// # Panics
    /// If the module is not valid.
    #[must_use]
    pub fn of(wasm: &[u8]) -> Exports {
        let mut validator = wasmparser::Validator::new_with_features(meterbox_meter::FEATURES);
        let types = validator.validate_all(wasm).unwrap();
        let types = types.as_ref();
        let mut exports = Exports::default();
        for payload in wasmparser::Parser::new(0).parse_all(wasm) {
            let wasmparser::Payload::ExportSection(section) = payload.unwrap() else {
                continue;
            };
            for export in section {
                let export = export.unwrap();
                let name = export.name.to_owned();
                match export.kind {
                    wasmparser::ExternalKind::Func => {
                        let ty = types.core_function_at(export.index);
                        let parameters = types[ty].unwrap_func().params().to_vec();
                        if is_callable(&parameters) {
                            exports.functions.push((name, parameters));
                        }
                    }
                    wasmparser::ExternalKind::Global => exports.globals.push(name),
                    wasmparser::ExternalKind::Memory => exports.memories.push(Memory {
                        name,
                        index: usize::try_from(export.index).unwrap(),
                    }),
                    _ => {}
                }
            }
        }
        exports
    }
}

/// Whether a function with these parameters can be called with what a [`Call`] can hold.
#[must_use]
pub fn is_callable(parameters: &[ValType]) -> bool {
    let is_given = |ty: &ValType| !ty.is_reference_type() || *ty == ValType::FUNCREF;
    parameters.iter().all(is_given)
}

/// A program, ready on both sides.
pub struct Subject {
    /// What it exports.
    pub exports: Exports,
    reference: Reference,
    compiled: Vec<(&'static str, Compiled)>,
    plain: Option<Compiled>,
}

/// How many runs were compared, and how they ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    /// Runs of engines, each compared with one of the second implementation.
    pub runs: u64,
    /// Calls that returned.
    pub returned: u64,
    /// Calls that ended in a trap of the program's own.
    pub trapped: u64,
    /// Calls that the meter ended.
    pub limited: u64,
    /// Calls that ended in an exception.
    pub exceptions: u64,
    /// Units that all calls together were charged.
    pub units: u128,
}

impl Count {
    /// Adds another count.
    pub fn add(&mut self, other: &Count) {
        self.runs += other.runs;
        self.returned += other.returned;
        self.trapped += other.trapped;
        self.limited += other.limited;
        self.exceptions += other.exceptions;
        self.units += other.units;
    }
}

/// Why a program is not compared.
#[derive(Debug)]
pub enum Refusal {
    /// The meter refuses it.
    Meter(MeterError),
    /// The second implementation does not know all that it uses.
    Reference(meterbox_reference::Error),
}

impl Subject {
    /// Rewrites a program, and compiles it for each of the engines, which have names for messages. The
    /// engine for `plain`, in [`Way::Plain`](crate::engine::Way::Plain), runs it as it came, to see that
    /// results are the same; then the first engine runs it with the hooks of a profile, too.
    ///
    /// # Errors
    /// If one of the implementations does not take it: which, and why.
    ///
    /// # Panics
    /// If what the meter wrote is not accepted.
    pub fn new(
        wasm: &[u8],
        engines: &[(&'static str, &Wasmtime)],
        plain: Option<&Wasmtime>,
    ) -> Result<Subject, Refusal> {
        let metered = meter_with(wasm, &OPTIONS).map_err(Refusal::Meter)?;
        let reference = Reference::new(wasm, metered.tier).map_err(Refusal::Reference)?;
        let mut compiled: Vec<(&'static str, Compiled)> = engines
            .iter()
            .map(|(name, engine)| (*name, engine.compile(&metered.bytes).unwrap()))
            .collect();
        if let (Some((_, engine)), true) = (engines.first(), plain.is_some()) {
            let options = Options {
                hooks: true,
                ..OPTIONS
            };
            let hooked = meter_with(wasm, &options).map_err(Refusal::Meter)?;
            compiled.push(("with hooks", engine.compile(&hooked.bytes).unwrap()));
        }
        Ok(Subject {
            exports: Exports::of(wasm),
            reference,
            compiled,
            plain: plain.map(|engine| engine.compile(wasm).unwrap()),
        })
    }

    /// The fewest stack units with which a call does not end for want of them, by the second implementation.
    /// With those of the call itself it must not.
    fn stack_taken(&self, call: &Call) -> i32 {
        let suffices = |stack_units: i32| {
            let mut call = call.clone();
            call.stack_units = stack_units;
            !self.reference.run(&call, &[], &[]).stack_exhausted
        };
        let (mut too_few, mut enough) = (-1, call.stack_units);
        while enough - too_few > 1 {
            let middle = i32::midpoint(too_few, enough);
            if suffices(middle) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        enough
    }

    /// Makes a call on both sides, and says what both did.
    ///
    /// # Panics
    /// If they did not do the same.
    pub fn compare(&self, call: &Call, count: &mut Count) -> Done {
        let Exports {
            globals, memories, ..
        } = &self.exports;
        let expected = settled(self.reference.run(call, globals, memories));
        for (name, compiled) in &self.compiled {
            let found = settled(compiled.run(call, globals, memories));
            assert_eq!(found, expected, "{name} does otherwise, of {call:?}");
            count.runs += 1;
        }
        let limited = expected.left < 0 || expected.stack_exhausted;
        if let Some(plain) = &self.plain
            && !limited
        {
            let found = plain.run(call, globals, memories);
            assert_eq!(
                (&found.ending, &found.globals, &found.memories),
                (&expected.ending, &expected.globals, &expected.memories),
                "the program as it came does otherwise, of {call:?}"
            );
        }
        match &expected.ending {
            Ending::Returned(_) => count.returned += 1,
            Ending::Trapped(_) => count.trapped += 1,
            Ending::Exception => count.exceptions += 1,
            Ending::Limited => count.limited += 1,
        }
        let spent = call.left.saturating_sub(expected.left.max(0));
        count.units += u128::from(spent.cast_unsigned());
        expected
    }
}

/// What was done, as it is billed: a run that did not return, and whose count is below zero, was ended by
/// its limit, whatever else it met (M8).
#[must_use]
pub fn settled(mut done: Done) -> Done {
    let returned = matches!(done.ending, Ending::Returned(_));
    if (done.left < 0 || done.stack_exhausted) && !returned {
        done.ending = Ending::Limited;
    }
    done
}

/// Arguments for these parameters, drawn from a seed.
#[must_use]
pub fn arguments(parameters: &[ValType], seed: u64) -> Vec<Bits> {
    /// What is likely to matter.
    const NUMBERS: [u64; 12] = [
        0,
        1,
        2,
        7,
        100,
        0x7fff_ffff,
        0x8000_0000,
        u64::MAX,
        1 << 62,
        0x7ff8_0000_0000_0001,
        0x4059_0000_0000_0000,
        0x7fa0_0000_fff0_0000,
    ];
    (0..)
        .zip(parameters)
        .map(|(at, ty)| {
            let mixed = (seed ^ (at + 1))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
            let number = NUMBERS[usize::try_from(mixed % 12).unwrap()];
            let number = if mixed & 0x1000 == 0 {
                number
            } else {
                mixed >> 20
            };
            let low = u32::try_from(number & u64::from(u32::MAX)).unwrap();
            match ty {
                ValType::I32 => Bits::I32(low),
                ValType::I64 => Bits::I64(number),
                ValType::F32 => Bits::F32(low.rotate_left(9)),
                ValType::F64 => Bits::F64(number),
                ValType::V128 => Bits::V128(u128::from(number) << 64 | u128::from(mixed)),
                ValType::Ref(_) => Bits::Ref(true),
            }
        })
        .collect()
}

/// Compares a program's exports, each with arguments drawn from the seed: first with so many units, then
/// with the least stack that it takes and one unit less, then with as many smaller budgets as there are cuts,
/// at points within what it spent.
///
/// # Panics
/// If the two sides differ.
pub fn explore(subject: &Subject, seed: u64, units: i64, cuts: u64, count: &mut Count) {
    for (at, (export, parameters)) in (0u64..).zip(&subject.exports.functions) {
        let mut call = Call {
            export: export.clone(),
            arguments: arguments(parameters, seed.wrapping_add(at << 8)),
            left: units,
            stack_units: 20_000,
        };
        let whole = subject.compare(&call, count);
        let spent = units - whole.left.max(0);
        if !whole.stack_exhausted {
            let whole_stack = call.stack_units;
            call.stack_units = subject.stack_taken(&call);
            let least = subject.compare(&call, count);
            assert!(!least.stack_exhausted, "{call:?}");
            if call.stack_units > 0 {
                call.stack_units -= 1;
                subject.compare(&call, count);
            }
            call.stack_units = whole_stack;
        }
        for cut in 0..cuts {
            let mixed = (seed ^ cut << 32 ^ at).wrapping_mul(0xd6e8_feb8_6659_fd93);
            let part = i64::try_from(mixed >> 2).unwrap() % spent.max(1);
            call.left = if cut % 2 == 0 { part } else { part % 400 };
            if cut == 1 {
                call.left = spent;
            }
            subject.compare(&call, count);
        }
    }
}
