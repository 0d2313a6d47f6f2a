//! Runs calls of rewritten programs on wasmtime.

use meterbox_meter::{HOOKS, METER_GLOBALS, METER_MODULE};
use wasmtime::{
    Caller, Config, Engine, Extern, Global, GlobalType, Instance, Linker, Module, Mutability,
    OptLevel, Store, StoreLimits, StoreLimitsBuilder, Trap, Val, ValType,
};

use crate::case::{Bits, Call, Done, Ending, hash};
use crate::compare::Memory;
use crate::host;

/// Pages of one memory at the most, on every engine: programs declare their maximum below it.
pub const PAGES_MAX: u64 = 64;
/// Elements of a table at the most.
pub const TABLE_ELEMENTS_MAX: u64 = 10_000;

/// wasmtime, in one of its ways to run.
pub struct Wasmtime {
    engine: Engine,
}

/// How wasmtime runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Compiled quickly.
    None,
    /// Compiled with care.
    Speed,
    /// Interpreted.
    Pulley,
    /// Compiled with care, with NaNs made canonical by the engine: for programs that were not rewritten.
    Plain,
}

impl Wasmtime {
    /// # Panics
    /// If this machine cannot run it.
    #[must_use]
    pub fn new(way: Way) -> Wasmtime {
        let mut config = Config::new();
        config
            .cranelift_opt_level(match way {
                Way::None => OptLevel::None,
                _ => OptLevel::Speed,
            })
            .max_wasm_stack(64 << 20)
            .async_stack_size(80 << 20)
            .wasm_exceptions(true)
            .memory_reservation(1 << 22)
            .memory_guard_size(1 << 16)
            .wasm_memory64(true)
            .wasm_multi_memory(true);
        match way {
            Way::Pulley => {
                config.target("pulley64").unwrap();
            }
            Way::Plain => {
                config
                    .cranelift_nan_canonicalization(true)
                    .consume_fuel(true);
            }
            Way::None | Way::Speed => {}
        }
        Wasmtime {
            engine: Engine::new(&config).unwrap(),
        }
    }

    /// Compiles a program.
    ///
    /// # Errors
    /// If the engine does not take it.
    pub fn compile(&self, wasm: &[u8]) -> wasmtime::Result<Compiled> {
        let module = Module::from_binary(&self.engine, wasm)?;
        let mut linker = Linker::new(&self.engine);
        let twice = |value: i32| host::twice(value.cast_unsigned()).cast_signed();
        linker.func_wrap(host::MODULE, host::TWICE, twice)?;
        let mix = |a: i64, b: i32| host::mix(a.cast_unsigned(), b.cast_unsigned()).cast_signed();
        linker.func_wrap(host::MODULE, host::MIX, mix)?;
        linker.func_wrap(host::MODULE, host::NOTHING, || {})?;
        linker.func_wrap(host::MODULE, host::CALL_BACK, call_back)?;
        let [enter, leave, caught] = HOOKS;
        linker.func_wrap(
            METER_MODULE,
            enter,
            |mut at: Caller<'_, Host>, _: i32, _: i64| {
                at.data_mut().open += 1;
                at.data().open
            },
        )?;
        linker.func_wrap(METER_MODULE, leave, |mut at: Caller<'_, Host>, _: i64| {
            at.data_mut().open -= 1;
        })?;
        linker.func_wrap(
            METER_MODULE,
            caught,
            |mut at: Caller<'_, Host>, node: i32, _: i64| {
                at.data_mut().open = node;
            },
        )?;
        Ok(Compiled { module, linker })
    }
}

/// A compiled program.
pub struct Compiled {
    module: Module,
    linker: Linker<Host>,
}

/// What the host knows during a run.
struct Host {
    limits: StoreLimits,
    /// The instance to call, once there is one.
    instance: Option<Instance>,
    /// How many calls of it wait.
    waiting: u32,
    /// Of a program with hooks: how many functions said that they began, and not that they ended.
    open: i32,
}

/// [`host::CALL_BACK`].
fn call_back(mut caller: Caller<'_, Host>, value: i32) -> wasmtime::Result<i32> {
    let Some(instance) = caller.data().instance else {
        return Ok(value);
    };
    let Ok(back) = instance.get_typed_func::<i32, i32>(&mut caller, host::BACK) else {
        return Ok(value);
    };
    if caller.data().waiting == host::WAITING_MAX {
        return Ok(value);
    }
    caller.data_mut().waiting += 1;
    let called = back.call(&mut caller, value);
    caller.data_mut().waiting -= 1;
    called
}

impl Compiled {
    /// Makes an instance, and one call.
    ///
    /// # Panics
    /// If the engine itself fails.
    #[must_use]
    pub fn run(&self, call: &Call, globals: &[String], memories: &[Memory]) -> Done {
        let limits = StoreLimitsBuilder::new()
            .memory_size(usize::try_from(PAGES_MAX).unwrap() << 16)
            .table_elements(usize::try_from(TABLE_ELEMENTS_MAX).unwrap())
            .build();
        let host = Host {
            limits,
            instance: None,
            waiting: 0,
            open: 0,
        };
        let mut store = Store::new(self.module.engine(), host);
        store.limiter(|host| &mut host.limits);
        // Only a plain program is given any, and then enough.
        let _ = store.set_fuel(u64::MAX / 2);
        let mut linker = self.linker.clone();
        let mut meter = Vec::new();
        for (name, is_i32) in METER_GLOBALS {
            let (ty, value) = match (name, is_i32) {
                ("left", _) => (ValType::I64, Val::I64(call.left)),
                ("stack-left", _) => (ValType::I32, Val::I32(call.stack_units)),
                (_, true) => (ValType::I32, Val::I32(0)),
                (_, false) => (ValType::I64, Val::I64(0)),
            };
            let ty = GlobalType::new(ty, Mutability::Var);
            let global = Global::new(&mut store, ty, value).unwrap();
            linker.define(&store, METER_MODULE, name, global).unwrap();
            meter.push(global);
        }
        let instance = linker.instantiate(&mut store, &self.module);
        let mut seen = (Vec::new(), Vec::new());
        let ran = instance.and_then(|instance| {
            store.data_mut().instance = Some(instance);
            let ran = invoke(&mut store, &instance, call);
            for name in globals {
                let global = instance.get_global(&mut store, name).unwrap();
                seen.0.push(bits(&global.get(&mut store)));
            }
            for name in memories {
                let memory = instance.get_memory(&mut store, &name.name).unwrap();
                let bytes = memory.data(&store);
                seen.1.push((bytes.len(), hash(bytes)));
            }
            ran
        });
        let read = |at: usize, store: &mut Store<Host>| match meter[at].get(store) {
            Val::I64(value) => value,
            Val::I32(value) => i64::from(value),
            other => panic!("{other:?}"),
        };
        let left = read(0, &mut store);
        let stack_exhausted = read(1, &mut store) < 0;
        assert!(
            ran.is_err() || store.data().open == 0,
            "{} functions returned without a word",
            store.data().open
        );
        Done {
            ending: match ran {
                Ok(values) => Ending::Returned(values),
                Err(error) => ending(&error, left < 0 || stack_exhausted),
            },
            left,
            stack_exhausted,
            pages_grown: read(2, &mut store).cast_unsigned(),
            grown_low: read(3, &mut store).cast_unsigned(),
            grown_high: read(4, &mut store).cast_unsigned(),
            globals: seen.0,
            memories: seen.1,
        }
    }
}

fn invoke(
    store: &mut Store<Host>,
    instance: &Instance,
    call: &Call,
) -> wasmtime::Result<Vec<Bits>> {
    let Some(Extern::Func(function)) = instance.get_export(&mut *store, &call.export) else {
        panic!("no function {}", call.export);
    };
    let arguments: Vec<Val> = call.arguments.iter().map(|bits| value(*bits)).collect();
    let mut results = vec![Val::I32(0); function.ty(&*store).results().len()];
    function.call(&mut *store, &arguments, &mut results)?;
    Ok(results.iter().map(bits).collect())
}

/// What an error is, given whether the meter says that a limit was reached.
fn ending(error: &wasmtime::Error, limited: bool) -> Ending {
    let Some(trap) = error.downcast_ref::<Trap>() else {
        let is_exception = error.downcast_ref::<wasmtime::ThrownException>().is_some();
        assert!(is_exception, "the engine failed: {error:?}");
        return Ending::Exception;
    };
    let name = match trap {
        // What the meter does when it ends a run.
        Trap::UnreachableCodeReached if limited => return Ending::Limited,
        Trap::UnreachableCodeReached => "unreachable",
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned => "out of bounds memory access",
        Trap::TableOutOfBounds => "out of bounds table access",
        Trap::IndirectCallToNull => "uninitialized element",
        Trap::BadSignature => "indirect call type mismatch",
        Trap::IntegerOverflow => "integer overflow",
        Trap::IntegerDivisionByZero => "integer divide by zero",
        Trap::BadConversionToInteger => "invalid conversion to integer",
        Trap::NullReference => "null reference",
        other => panic!("the engine failed: {other:?}"),
    };
    Ending::Trapped(name.to_owned())
}

fn value(bits: Bits) -> Val {
    match bits {
        Bits::I32(bits) => Val::I32(bits.cast_signed()),
        Bits::I64(bits) => Val::I64(bits.cast_signed()),
        Bits::F32(bits) => Val::F32(bits),
        Bits::F64(bits) => Val::F64(bits),
        Bits::V128(bits) => Val::V128(bits.into()),
        Bits::Ref(_) => Val::FuncRef(None),
    }
}

fn bits(value: &Val) -> Bits {
    match value {
        Val::I32(bits) => Bits::I32(bits.cast_unsigned()),
        Val::I64(bits) => Bits::I64(bits.cast_unsigned()),
        Val::F32(bits) => Bits::F32(*bits),
        Val::F64(bits) => Bits::F64(*bits),
        Val::V128(bits) => Bits::V128(bits.as_u128()),
        other => Bits::Ref(other.ref_().is_none_or(|reference| reference.is_null())),
    }
}
