//! Compares the rewritten program on an engine with the program as it came on the second
//! implementation. Never decides what is run.

use meterbox_meter::{Floats, Options, Tier, meter_with};

use crate::case::{Bits, Call, Done, Ending};
use crate::engine::{Compiled, Wasmtime};
use crate::reference::Reference;

/// What a program exports.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    pub functions: Vec<(String, Vec<wasmparser::ValType>)>,
    pub globals: Vec<String>,
    pub memories: Vec<String>,
}

impl Exports {
    /// The exports of a valid module. Its memories must be exported in order, from the first.
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
                        exports.functions.push((name, parameters));
                    }
                    wasmparser::ExternalKind::Global => exports.globals.push(name),
                    wasmparser::ExternalKind::Memory => exports.memories.push(name),
                    _ => {}
                }
            }
        }
        exports
    }
}

/// A program, ready on both sides.
pub struct Subject {
    pub exports: Exports,
    reference: Reference,
    compiled: Vec<(&'static str, Compiled)>,
    plain: Option<Compiled>,
}

/// How many runs were compared, and how they ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    pub runs: u64,
    pub returned: u64,
    pub trapped: u64,
    pub limited: u64,
    pub exceptions: u64,
    /// Units that all runs were charged.
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

impl Subject {
    /// Rewrites a program, and compiles it for each of the engines. The engine for `plain` runs it as it
    /// came, to see that results are the same.
    ///
    /// # Errors
    /// If the meter refuses it: why.
    ///
    /// # Panics
    /// If what the meter wrote is not accepted.
    pub fn new(
        wasm: &[u8],
        engines: &[(&'static str, &Wasmtime)],
        plain: Option<&Wasmtime>,
    ) -> Result<Subject, meterbox_meter::MeterError> {
        let options = Options {
            memory_bytes_max: None,
            floats: Floats::Canonical,
            ..Options::default()
        };
        let metered = meter_with(wasm, &options)?;
        let compiled = engines
            .iter()
            .map(|(name, engine)| (*name, engine.compile(&metered.bytes).unwrap()));
        Ok(Subject {
            exports: Exports::of(wasm),
            reference: Reference::new(wasm, metered.tier),
            compiled: compiled.collect(),
            plain: plain.map(|engine| engine.compile(wasm).unwrap()),
        })
    }

    /// The memory tier that a program has.
    ///
    /// # Panics
    /// If the meter refuses it.
    #[must_use]
    pub fn tier(wasm: &[u8]) -> Tier {
        meter_with(wasm, &Options::default()).unwrap().tier
    }

    /// Makes a call on both sides, and says what both did.
    ///
    /// # Panics
    /// If they did not do the same.
    pub fn compare(&self, call: &Call, count: &mut Count) -> Done {
        let Exports {
            globals, memories, ..
        } = &self.exports;
        let expected = settled(self.reference.run(call, globals, memories.len()));
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
fn settled(mut done: Done) -> Done {
    let returned = matches!(done.ending, Ending::Returned(_));
    if (done.left < 0 || done.stack_exhausted) && !returned {
        done.ending = Ending::Limited;
    }
    done
}

/// Arguments for these parameters, drawn from a seed.
#[must_use]
pub fn arguments(parameters: &[wasmparser::ValType], seed: u64) -> Vec<Bits> {
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
                wasmparser::ValType::I32 => Bits::I32(low),
                wasmparser::ValType::I64 => Bits::I64(number),
                wasmparser::ValType::F32 => Bits::F32(low.rotate_left(9)),
                wasmparser::ValType::F64 => Bits::F64(number),
                wasmparser::ValType::V128 => {
                    Bits::V128(u128::from(number) << 64 | u128::from(mixed))
                }
                wasmparser::ValType::Ref(_) => Bits::Ref(true),
            }
        })
        .collect()
}

/// Compares a program's exports with several arguments and budgets: in full, then cut off at points within
/// what it spent.
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
