//! The programs that are run everywhere, and the calls that are made of each. Runs them only to see
//! where a budget can end them.

pub mod corpus;
pub mod generated;
pub mod guests;

use anyhow::{Result, anyhow};
use meterbox_differential::case::{Bits, Call, Done};
use meterbox_differential::compare::{OPTIONS, arguments};
use meterbox_differential::engine::Wasmtime;
use meterbox_meter::meter_with;
use wasmparser::{Validator, WasmFeatures};

use crate::adapter::adapter;
use crate::reason::sentence;
use crate::shape::{Shape, bounded};

/// Units that a call of a generated program may spend: enough for thousands of laps.
const GENERATED_UNITS: i64 = 200_000;
/// Units that a call of a real guest may spend: some do not end within.
const GUEST_UNITS: i64 = 3_000_000;
/// Stack units of most calls.
const STACK_UNITS: i32 = 20_000;

/// Where a program comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Written by the generator, from this seed.
    Generated(u64),
    /// Kept, since it was of interest once.
    Corpus,
    /// Compiled from another language.
    Guest,
    /// Somebody else's business: this process only answers.
    Asked,
}

/// A program, metered, with the calls to make.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: String,
    pub origin: Origin,
    /// As it came.
    pub plain: Vec<u8>,
    pub metered: Vec<u8>,
    pub adapter: Vec<u8>,
    pub shape: Shape,
    /// What not every engine has.
    pub needs: Vec<&'static str>,
    /// Each is made in an instance of its own.
    pub calls: Vec<Call>,
}

/// Programs, and those that are left out on all engines.
#[derive(Debug, Default)]
pub struct Programs {
    pub programs: Vec<Program>,
    /// Names, and why.
    pub left_out: Vec<(String, String)>,
}

impl Programs {
    /// Adds a program, or the reason why it is left out.
    pub fn add(&mut self, name: String, origin: Origin, wasm: &[u8], planner: &Wasmtime) {
        match program(name.clone(), origin, wasm, planner) {
            Ok(program) => self.programs.push(program),
            Err(error) => self.leave_out(name, &error),
        }
    }

    /// Notes a program that is not there.
    pub fn leave_out(&mut self, name: String, why: &anyhow::Error) {
        let why = sentence(&format!("{why:#}")).to_owned();
        self.left_out.push((name, why));
    }

    /// How many there are from there.
    pub fn count(&self, is_from: fn(Origin) -> bool) -> usize {
        let programs = self.programs.iter();
        programs.filter(|program| is_from(program.origin)).count()
    }
}

fn program(name: String, origin: Origin, wasm: &[u8], planner: &Wasmtime) -> Result<Program> {
    let wasm = &bounded(wasm)?;
    let shape = Shape::of(wasm)?;
    let metered = meter_with(wasm, &OPTIONS)?.bytes;
    let calls = plan(origin, &metered, &shape, planner)?;
    Ok(Program {
        adapter: adapter(&shape)?,
        needs: needs(wasm),
        plain: wasm.clone(),
        name,
        origin,
        metered,
        shape,
        calls,
    })
}

/// The features of a program that not every engine has.
fn needs(wasm: &[u8]) -> Vec<&'static str> {
    let features = [
        ("exceptions", WasmFeatures::EXCEPTIONS),
        ("several memories", WasmFeatures::MULTI_MEMORY),
    ];
    let is_needed = |feature: &(&str, WasmFeatures)| {
        let without = meterbox_meter::FEATURES.difference(feature.1);
        let mut validator = Validator::new_with_features(without);
        validator.validate_all(wasm).is_err()
    };
    let needed = features.into_iter().filter(is_needed);
    needed.map(|(name, _)| name).collect()
}

/// The calls to make of a program: each export with several arguments.
fn plan(origin: Origin, metered: &[u8], shape: &Shape, planner: &Wasmtime) -> Result<Vec<Call>> {
    let compiled = planner
        .compile(metered)
        .map_err(|error| anyhow!("wasmtime does not take it: {error}"))?;
    let mut calls = Vec::new();
    for (at, function) in (0u64..).zip(&shape.functions) {
        let mut tried: Vec<Vec<Bits>> = Vec::new();
        for seed in 0..3 {
            let parameters = &function.parameters;
            let arguments = match origin {
                Origin::Guest => parameters.iter().map(|ty| size(*ty, seed)).collect(),
                _ => arguments(parameters, seed_of(origin) ^ at << 8 ^ seed << 40),
            };
            if tried.contains(&arguments) {
                continue;
            }
            tried.push(arguments.clone());
            let whole = Call {
                export: function.name.clone(),
                arguments,
                left: match origin {
                    Origin::Generated(_) => GENERATED_UNITS,
                    _ => GUEST_UNITS,
                },
                stack_units: STACK_UNITS,
            };
            let mixed = mix(seed_of(origin) ^ at << 16 ^ seed << 8);
            calls.extend(cut(&whole, mixed, |call| compiled.run(call, &[], &[])));
            calls.push(whole);
        }
    }
    Ok(calls)
}

/// A call with the units that it spends, with budgets that end it, and with one stack unit too few.
fn cut(whole: &Call, mixed: u64, run: impl Fn(&Call) -> Done) -> Vec<Call> {
    let with_left = |left| Call {
        left,
        ..whole.clone()
    };
    let with_stack = |stack_units| Call {
        stack_units,
        ..whole.clone()
    };
    let spent = whole.left - run(whole).left.max(0);
    let mut calls = vec![
        with_left(spent),
        with_left(below(mixed, spent)),
        with_left(below(mixed.rotate_left(32), spent.min(400))),
    ];
    let (mut too_few, mut enough) = (-1, whole.stack_units);
    while enough - too_few > 1 {
        let middle = i32::midpoint(too_few, enough);
        match run(&with_stack(middle)).stack_exhausted {
            true => too_few = middle,
            false => enough = middle,
        }
    }
    if too_few >= 0 {
        calls.push(with_stack(too_few));
    }
    calls
}

/// A guest's argument: how large its work is.
fn size(ty: wasmparser::ValType, seed: u64) -> Bits {
    let size = [7, 120, 1_500][usize::try_from(seed % 3).expect("it is below 3")];
    match ty {
        wasmparser::ValType::I32 => Bits::I32(size),
        wasmparser::ValType::I64 => Bits::I64(u64::from(size)),
        wasmparser::ValType::F32 => Bits::F32(f32::to_bits(1.5)),
        wasmparser::ValType::F64 => Bits::F64(f64::to_bits(1.5)),
        wasmparser::ValType::V128 => Bits::V128(u128::from(size)),
        wasmparser::ValType::Ref(_) => Bits::Ref(true),
    }
}

fn seed_of(origin: Origin) -> u64 {
    match origin {
        Origin::Generated(seed) => seed,
        _ => 1,
    }
}

fn below(mixed: u64, bound: i64) -> i64 {
    let bound = bound.max(1).cast_unsigned();
    (mixed % bound).cast_signed()
}

/// Mixes the bits of a number (splitmix64).
fn mix(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
