//! wasmi: an interpreter, which shares an older version of the parser with wasmtime, and no more.

use anyhow::Result;
use meterbox_differential::case::{Bits, Call, Done, Ending, hash};
use meterbox_differential::engine::{PAGES_MAX, TABLE_ELEMENTS_MAX};
use meterbox_differential::host;
use meterbox_meter::{METER_GLOBALS, METER_MODULE};
use wasmi::{
    Caller, Config, Error, Extern, F32, F64, Global, Instance, Linker, Module, Mutability,
    Nullable, Store, StoreLimits, StoreLimitsBuilder, TrapCode, V128, Val,
};

use super::{Answer, Engine, locked_version};
use crate::program::Program;
use crate::shape::Shape;

/// Frames of calls: more than stack units allow.
const RECURSION_MAX: usize = 100_000;
const STACK_BYTES_MAX: usize = 64 << 20;

/// wasmi, in this process.
pub struct Wasmi;

impl Engine for Wasmi {
    fn name(&self) -> String {
        "wasmi".to_owned()
    }

    fn version(&mut self) -> Result<String> {
        let version = locked_version("wasmi");
        Ok(format!("{version} on {}", std::env::consts::ARCH))
    }

    fn answer(&mut self, programs: &[Program]) -> Result<Vec<Answer>> {
        let mut config = Config::default();
        config
            .set_max_stack_height(STACK_BYTES_MAX)
            .set_max_recursion_depth(RECURSION_MAX);
        let engine = wasmi::Engine::new(&config);
        programs
            .iter()
            .map(|program| answer(&engine, program))
            .collect()
    }
}

fn answer(engine: &wasmi::Engine, program: &Program) -> Result<Answer> {
    let module = match Module::new(engine, &program.metered) {
        Ok(module) => module,
        Err(error) => {
            return Ok(Answer::Refused {
                why: error.to_string(),
                takes_plain: Module::new(engine, &program.plain).is_ok(),
            });
        }
    };
    let mut runs = Vec::new();
    for call in &program.calls {
        runs.push(run(engine, &module, &program.shape, call)?);
    }
    Ok(Answer::Ran(runs))
}

/// What the host knows during a run.
struct Host {
    limits: StoreLimits,
    /// The instance to call, once there is one that has a function to call.
    instance: Option<Instance>,
    /// How many calls of it wait.
    waiting: u32,
}

/// [`host::CALL_BACK`].
fn call_back(mut caller: Caller<'_, Host>, value: i32) -> Result<i32, Error> {
    let Some(instance) = caller.data().instance else {
        return Ok(value);
    };
    if caller.data().waiting == host::WAITING_MAX {
        return Ok(value);
    }
    let back = instance.get_typed_func::<i32, i32>(&caller, host::BACK)?;
    caller.data_mut().waiting += 1;
    let called = back.call(&mut caller, value);
    caller.data_mut().waiting -= 1;
    called
}

fn linker(engine: &wasmi::Engine) -> Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    let twice = |value: i32| host::twice(value.cast_unsigned()).cast_signed();
    linker.func_wrap(host::MODULE, host::TWICE, twice)?;
    let mix = |a: i64, b: i32| host::mix(a.cast_unsigned(), b.cast_unsigned()).cast_signed();
    linker.func_wrap(host::MODULE, host::MIX, mix)?;
    linker.func_wrap(host::MODULE, host::NOTHING, || {})?;
    linker.func_wrap(host::MODULE, host::CALL_BACK, call_back)?;
    Ok(linker)
}

fn run(engine: &wasmi::Engine, module: &Module, shape: &Shape, call: &Call) -> Result<Done> {
    let limits = StoreLimitsBuilder::new()
        .memory_size(usize::try_from(PAGES_MAX << 16)?)
        .table_elements(usize::try_from(TABLE_ELEMENTS_MAX)?)
        .build();
    let host = Host {
        limits,
        instance: None,
        waiting: 0,
    };
    let mut store = Store::new(engine, host);
    store.limiter(|host| &mut host.limits);
    let mut linker = linker(engine)?;
    let mut meter = Vec::new();
    for (name, is_i32) in METER_GLOBALS {
        let value = match (name, is_i32) {
            ("left", _) => Val::I64(call.left),
            ("stack-left", _) => Val::I32(call.stack_units),
            (_, true) => Val::I32(0),
            (_, false) => Val::I64(0),
        };
        let global = Global::new(&mut store, value, Mutability::Var);
        linker.define(METER_MODULE, name, global)?;
        meter.push(global);
    }
    let mut done = Done::ended(Ending::Limited);
    done.ending = match linker.instantiate_and_start(&mut store, module) {
        Ok(instance) => {
            store.data_mut().instance = shape.is_called_back().then_some(instance);
            let ending = invoke(&mut store, &instance, shape, call)?;
            look(&store, &instance, shape, &mut done);
            ending
        }
        Err(error) => trapped(&error),
    };
    let read = |at: usize| match meter[at].get(&store) {
        Val::I64(value) => value,
        Val::I32(value) => i64::from(value),
        _ => unreachable!("the meter's globals are integers"),
    };
    done.left = read(0);
    done.stack_exhausted = read(1) < 0;
    done.pages_grown = read(2).cast_unsigned();
    done.grown_low = read(3).cast_unsigned();
    done.grown_high = read(4).cast_unsigned();
    Ok(done)
}

fn invoke(
    store: &mut Store<Host>,
    instance: &Instance,
    shape: &Shape,
    call: &Call,
) -> Result<Ending> {
    let Some(Extern::Func(function)) = instance.get_export(&mut *store, &call.export) else {
        anyhow::bail!("wasmi finds no function `{}`", call.export);
    };
    let arguments: Vec<Val> = call.arguments.iter().map(|bits| value(*bits)).collect();
    let results = shape.functions[shape.position(&call.export)].results.len();
    let mut results = vec![Val::I32(0); results];
    Ok(match function.call(store, &arguments, &mut results) {
        Ok(()) => Ending::Returned(results.iter().map(bits).collect()),
        Err(error) => trapped(&error),
    })
}

/// What can be seen of an instance when its run is over.
fn look(store: &Store<Host>, instance: &Instance, shape: &Shape, done: &mut Done) {
    for export in &shape.globals {
        let global = instance.get_global(store, &export.name);
        let global = global.expect("what a module exports, its instance has");
        done.globals.push(bits(&global.get(store)));
    }
    for export in &shape.memories {
        let memory = instance.get_memory(store, &export.export.name);
        let bytes = memory.expect("what a module exports, its instance has");
        let bytes = bytes.data(store);
        done.memories.push((bytes.len(), hash(bytes)));
    }
}

fn trapped(error: &Error) -> Ending {
    let name = match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => "unreachable",
        Some(TrapCode::MemoryOutOfBounds) => "out of bounds memory access",
        Some(TrapCode::TableOutOfBounds) => "out of bounds table access",
        Some(TrapCode::IndirectCallToNull) => "uninitialized element",
        Some(TrapCode::IntegerDivisionByZero) => "integer divide by zero",
        Some(TrapCode::IntegerOverflow) => "integer overflow",
        Some(TrapCode::BadConversionToInteger) => "invalid conversion to integer",
        Some(TrapCode::BadSignature) => "indirect call type mismatch",
        _ => return Ending::Trapped(format!("wasmi: {error}")),
    };
    Ending::Trapped(name.to_owned())
}

fn value(bits: Bits) -> Val {
    match bits {
        Bits::I32(bits) => Val::I32(bits.cast_signed()),
        Bits::I64(bits) => Val::I64(bits.cast_signed()),
        Bits::F32(bits) => Val::F32(F32::from_bits(bits)),
        Bits::F64(bits) => Val::F64(F64::from_bits(bits)),
        Bits::V128(bits) => Val::V128(V128::from(bits)),
        Bits::Ref(_) => Val::FuncRef(Nullable::Null),
    }
}

fn bits(value: &Val) -> Bits {
    match value {
        Val::I32(bits) => Bits::I32(bits.cast_unsigned()),
        Val::I64(bits) => Bits::I64(bits.cast_unsigned()),
        Val::F32(bits) => Bits::F32(bits.to_bits()),
        Val::F64(bits) => Bits::F64(bits.to_bits()),
        Val::V128(bits) => Bits::V128(bits.as_u128()),
        Val::FuncRef(reference) => Bits::Ref(reference.is_null()),
        Val::ExternRef(reference) => Bits::Ref(reference.is_null()),
    }
}
