//! Reads the meter of a run, in whatever state the guest has left it. Never says what the reading means.

use meterbox_meter::{METER_GLOBALS, READ_EXPORT, READ_FUNCTION, Reading, meter_with_hooks};
use wasmtime::{
    AsContextMut, Func, Global, GlobalType, Instance, Module, Mutability, Store, Val, ValType,
    WasmCoreDump,
};

use crate::host::Host;
use crate::outcome::Fault;

/// A module that traps at once, in WebAssembly's binary form: a type, a function, its export `f`,
/// and its body.
const TRAPPING_MODULE: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x04\x01\x60\0\0\
    \x03\x02\x01\0\
    \x07\x05\x01\x01f\0\0\
    \x0a\x05\x01\x03\0\0\x0b";

/// The five globals that a core module imports, with the budgets in place.
pub(crate) fn meter_globals(store: &mut Store<Host>) -> Result<Vec<Global>, Fault> {
    let [left, stack] = store.data().budgets;
    let stack = i32::try_from(stack).unwrap_or(i32::MAX);
    let mut globals = Vec::with_capacity(METER_GLOBALS.len());
    for (name, is_i32) in METER_GLOBALS {
        let value = match name {
            "left" => Val::I64(left),
            "stack-left" => Val::I32(stack),
            _ => Val::I64(0),
        };
        let ty = if is_i32 { ValType::I32 } else { ValType::I64 };
        let global = Global::new(&mut *store, GlobalType::new(ty, Mutability::Var), value)
            .map_err(|error| Fault::Meter(format!("{error:#}")))?;
        globals.push(global);
    }
    Ok(globals)
}

pub(crate) fn read_globals(store: &mut Store<Host>, globals: &[Global]) -> Result<Reading, Fault> {
    let values: Vec<i64> = globals
        .iter()
        .filter_map(|global| match global.get(&mut *store) {
            Val::I64(value) => Some(value),
            Val::I32(value) => Some(i64::from(value)),
            _ => None,
        })
        .collect();
    reading(&values)
}

/// The meter of a component that can still be entered.
pub(crate) fn read_export(
    store: &mut Store<Host>,
    instance: &wasmtime::component::Instance,
) -> Result<Reading, Fault> {
    let failed = |error: wasmtime::Error| Fault::Meter(format!("{error:#}"));
    let read = instance
        .get_typed_func::<(u32,), (i64,)>(&mut *store, READ_EXPORT)
        .map_err(failed)?;
    let mut values = Vec::with_capacity(METER_GLOBALS.len());
    for which in 0..u32::try_from(METER_GLOBALS.len()).unwrap_or(0) {
        let (value,) = read.call(&mut *store, (which,)).map_err(failed)?;
        values.push(value);
    }
    reading(&values)
}

/// The meter of a component that trapped: its instance is the one with the reserved export.
pub(crate) fn read_dump(store: &mut Store<Host>, error: &wasmtime::Error) -> Option<Reading> {
    let meter = meter_in_dump(store, error)?;
    let globals = globals_of(store, &meter)?;
    read_globals(store, &globals).ok()
}

fn meter_in_dump(store: &mut Store<Host>, error: &wasmtime::Error) -> Option<Instance> {
    let dump = error.downcast_ref::<WasmCoreDump>()?;
    let meter = dump.instances().iter().find(|instance| {
        instance
            .get_export(store.as_context_mut(), READ_FUNCTION)
            .is_some()
    })?;
    Some(*meter)
}

pub(crate) fn globals_of(store: &mut Store<Host>, meter: &Instance) -> Option<Vec<Global>> {
    METER_GLOBALS
        .iter()
        .map(|(name, _)| meter.get_global(store.as_context_mut(), name))
        .collect()
}

/// The meter of a core module with hooks, which is the one that components bring along.
pub(crate) fn meter_instance(store: &mut Store<Host>) -> Result<Instance, Fault> {
    let failed = |error: wasmtime::Error| Fault::Meter(format!("{error:#}"));
    let module = Module::from_binary(store.engine(), &meter_with_hooks()).map_err(failed)?;
    let [left, stack] = store.data().budgets;
    let budget = Func::wrap(
        &mut *store,
        move |which: i32| if which == 0 { left } else { stack },
    );
    Instance::new(&mut *store, &module, &[budget.into()]).map_err(failed)
}

/// The meter of a component whose instances could not all be created, by a trap of our own: the dump
/// shows the instances that there are. Without the meter's among them, no guest code has run.
pub(crate) fn read_by_trap(store: &mut Store<Host>) -> Result<Option<Reading>, Fault> {
    let Some(meter) = meter_by_trap(store)? else {
        return Ok(None);
    };
    let globals = globals_of(store, &meter);
    Ok(globals.and_then(|globals| read_globals(store, &globals).ok()))
}

/// The meter's instance, by a trap of our own.
pub(crate) fn meter_by_trap(store: &mut Store<Host>) -> Result<Option<Instance>, Fault> {
    let failed = |error: wasmtime::Error| Fault::Meter(format!("{error:#}"));
    let module = Module::from_binary(store.engine(), TRAPPING_MODULE).map_err(failed)?;
    let called = Instance::new(&mut *store, &module, &[])
        .and_then(|instance| instance.get_typed_func::<(), ()>(&mut *store, "f"))
        .map_err(failed)?
        .call(&mut *store, ());
    Ok(called.err().and_then(|error| meter_in_dump(store, &error)))
}

fn reading(values: &[i64]) -> Result<Reading, Fault> {
    let [left, stack_left, pages_grown, grown_low, grown_high] = *values else {
        return Err(Fault::Meter("it has another number of globals".into()));
    };
    let unsigned =
        |value: i64| u64::try_from(value).map_err(|_| Fault::Meter("a sum is negative".into()));
    Ok(Reading {
        left,
        stack_left: i32::try_from(stack_left)
            .map_err(|_| Fault::Meter("the stack count is no i32".into()))?,
        pages_grown: unsigned(pages_grown)?,
        grown_low: unsigned(grown_low)?,
        grown_high: unsigned(grown_high)?,
    })
}
