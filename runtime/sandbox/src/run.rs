//! Runs a program once: instantiates it, calls it, and reads the meter, however it ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meterbox_meter::{
    Exhausted, HOOKS, METER_GLOBALS, METER_MODULE, Reading, Spent, left_at_start, spent,
    spent_before_start,
};
use wasmtime::{Extern, Instance, Module, Store, Trap, WasmCoreDump};

use crate::engine::{Code, Entry, HOST_STACK_BYTES, InProcess, NATIVE_STACK_BYTES, Program};
use crate::host::Host;
use crate::job::{Job, Observer};
use crate::limits::{Limits, STACK_UNITS_MAX};
use crate::models::{EndRun, Interposed, ModelCache, Models};
use crate::outcome::{Fault, MESSAGE_BYTES_MAX, Measured, Outcome, Ran, Refusal};
use crate::profile::{self, Profile};
use crate::reading::{
    globals_of, meter_by_trap, meter_globals, meter_instance, read_by_trap, read_dump, read_export,
    read_globals,
};
use crate::stop::{Stop, Stopper};
use crate::tally::HostEnd;

const PAGE_BYTES: u64 = 65_536;

/// Bytes that one call may hand to the host, which copies them before it can charge them. Beyond, the
/// engine traps.
const LIFT_BYTES_MAX: usize = 128 << 20;

/// Handles beside those of host resources, each of which has one, and another while it is lent: for
/// the resources that a guest defines for itself. Beyond, the engine traps.
const OWN_HANDLES_MAX: usize = 100_000;

/// Why there is no run to report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program cannot run under these limits.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The host failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// How calling the guest ended, before the meter is looked at.
enum End {
    Ok,
    Failed { message: String, code: Option<u32> },
    Trapped(&'static str),
    Limit(&'static str),
    Stopped(Stopper),
}

/// A thread that has the stack that guest code may use.
pub(crate) fn thread() -> std::thread::Builder {
    std::thread::Builder::new()
        .name("meterbox-run".into())
        .stack_size(NATIVE_STACK_BYTES + HOST_STACK_BYTES)
}

impl InProcess {
    /// Runs a program once, on a thread of its own, and waits for it.
    pub(crate) fn run(
        &self,
        program: &Program,
        job: Arc<Job>,
        limits: &Limits,
        observer: Arc<dyn Observer>,
        stop: &Stop,
    ) -> Result<Ran, RunError> {
        std::thread::scope(|scope| {
            let models: Arc<dyn Models> = match &job.calls {
                None => Arc::<ModelCache>::clone(&self.cache),
                Some(calls) => {
                    let cache = Arc::<ModelCache>::clone(&self.cache);
                    let seen = Interposed::begin(cache, Arc::clone(calls));
                    Arc::new(seen.map_err(|EndRun(reason)| Fault::Host(reason))?)
                }
            };
            let run = || self.run_here(program, job, limits, observer, stop, models);
            let thread = thread().spawn_scoped(scope, run).map_err(Fault::from)?;
            let mut ran = thread
                .join()
                .map_err(|_| Fault::Host("the run's thread panicked".into()))??;
            if !ran.transcript.is_empty() {
                let mut engine = self.inference_engine();
                let models = ran.transcript.iter().map(|call| call.model);
                if engine.not_bit_exact.is_none() {
                    engine.not_bit_exact = self.cache.not_bit_exact(models);
                }
                ran.engine = Some(engine);
            }
            Ok(ran)
        })
    }

    /// Runs a program once, on this thread, which is as [`thread`] says.
    pub(crate) fn run_here(
        &self,
        program: &Program,
        job: Arc<Job>,
        limits: &Limits,
        observer: Arc<dyn Observer>,
        stop: &Stop,
        models: Arc<dyn Models>,
    ) -> Result<Ran, RunError> {
        check_declared(program, limits)?;
        let Some(left) = left_at_start(&program.metered, limits.instructions) else {
            return Ok(refused_before_start(limits));
        };
        let stack = i64::try_from(limits.stack_units.min(STACK_UNITS_MAX)).unwrap_or(0);
        let budgets = [left, stack];
        let host = Host::new(job, *limits, models, observer, budgets, stop.clone());
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.memory);
        store.set_hostcall_fuel(LIFT_BYTES_MAX);
        let handles = usize::try_from(limits.handles).unwrap_or(usize::MAX);
        store.set_max_component_handles(handles.saturating_mul(2).saturating_add(OWN_HANDLES_MAX));
        if program.metered.hooks {
            store.data_mut().memory.skip_first();
        }
        let (end, reading) = match &program.code {
            Code::Component(pre, entry) => run_component(&mut store, pre, entry)?,
            Code::Command(module) => self.run_command(&mut store, module, program.metered.hooks)?,
            Code::Artefact(_) => {
                return Err(Fault::Host("the program was compiled for workers".into()).into());
            }
        };
        let profile = match (program.metered.hooks, &reading) {
            (true, Some(reading)) => {
                let meter = meter_by_trap(&mut store)?
                    .ok_or_else(|| Fault::Meter("it has no profile".into()))?;
                let [began, _] = store.data().budgets;
                Some(profile::read(
                    &mut store,
                    &meter,
                    &program.metered,
                    began,
                    reading.left,
                )?)
            }
            _ => None,
        };
        let spent = match reading {
            Some(reading) => spent(&program.metered, limits.instructions, &reading),
            // Instances that could not be created, without an operator of the guest to blame: what
            // they declare is what they are billed.
            None => declared_only(program, store.data()),
        };
        check_growth(&spent, program, store.data(), reading.is_some())?;
        finish(store.into_data(), end, at_most(spent, limits), profile)
    }

    fn run_command(
        &self,
        store: &mut Store<Host>,
        module: &Module,
        hooks: bool,
    ) -> Result<(End, Option<Reading>), RunError> {
        let mut known: HashMap<&str, Extern> = HashMap::new();
        let globals = if hooks {
            let meter = meter_instance(store)?;
            for name in HOOKS {
                let hook = meter.get_export(&mut *store, name);
                known.extend(hook.map(|hook| (name, hook)));
            }
            globals_of(store, &meter).ok_or_else(|| Fault::Meter("it has no globals".into()))?
        } else {
            meter_globals(store)?
        };
        for ((name, _), global) in METER_GLOBALS.iter().zip(&globals) {
            known.insert(name, Extern::Global(*global));
        }
        let mut imports = Vec::with_capacity(module.imports().len());
        for import in module.imports() {
            let found = if import.module() == METER_MODULE {
                known.get(import.name()).cloned()
            } else {
                self.modules
                    .get(&mut *store, import.module(), import.name())
                    .ok()
            };
            imports.push(
                found
                    .ok_or_else(|| Fault::Host(format!("the import {} is gone", import.name())))?,
            );
        }
        let began = Instant::now();
        let instance = Instance::new(&mut *store, module, &imports);
        store.data_mut().instantiate_time = began.elapsed();
        let called = instance
            .map_err(CallError::Instantiating)
            .and_then(|instance| {
                let start = instance
                    .get_typed_func::<(), ()>(&mut *store, "_start")
                    .map_err(CallError::Running)?;
                start.call(&mut *store, ()).map_err(CallError::Running)
            });
        let end = match called {
            Ok(()) => End::Ok,
            Err(error) => end_of(&error)?,
        };
        Ok((end, Some(read_globals(store, &globals)?)))
    }
}

impl Program {
    /// Refuses limits that what the program declares does not fit.
    ///
    /// # Errors
    /// Names what is declared, and the limit.
    pub fn check(&self, limits: &Limits) -> Result<(), Refusal> {
        check_declared(self, limits)
    }
}

pub(crate) fn check_declared(program: &Program, limits: &Limits) -> Result<(), Refusal> {
    let declared = program.declared();
    let bytes = declared.memory_pages.saturating_mul(PAGE_BYTES);
    if bytes > limits.memory_bytes {
        return Err(Refusal::Memory {
            declared: bytes,
            limit: limits.memory_bytes,
        });
    }
    if declared.table_elements > limits.table_elements {
        return Err(Refusal::Tables {
            declared: declared.table_elements,
            limit: limits.table_elements,
        });
    }
    Ok(())
}

pub(crate) fn refused_before_start(limits: &Limits) -> Ran {
    Ran {
        outcome: Outcome::Limit {
            which: "instructions",
        },
        measured: Measured {
            spent: spent_before_start(limits.instructions),
            host_calls: 0,
            bytes_in: 0,
            bytes_out: 0,
            model_bytes: 0,
            inference: meterbox_inference::Cost::default(),
            models: Vec::new(),
        },
        outputs: Vec::new(),
        transcript: Vec::new(),
        memory_refusals: 0,
        instantiate_time: Duration::ZERO,
        profile: None,
        engine: None,
    }
}

/// Where an error came from: creating instances runs host code that can fail on its own.
enum CallError {
    Instantiating(wasmtime::Error),
    Running(wasmtime::Error),
}

fn run_component(
    store: &mut Store<Host>,
    pre: &wasmtime::component::InstancePre<Host>,
    entry: &Entry,
) -> Result<(End, Option<Reading>), RunError> {
    let began = Instant::now();
    let instance = pre.instantiate(&mut *store);
    store.data_mut().instantiate_time = began.elapsed();
    let instance = match instance {
        Ok(instance) => instance,
        Err(error) => {
            let reading = match read_dump(store, &error) {
                Some(reading) => Some(reading),
                None => read_by_trap(store)?,
            };
            // Instances that exist may have taken what others were to begin with.
            let end = match store.data().memory.refused_last() {
                Some(which) if is_of_the_engine(&error) => End::Limit(which),
                _ => end_of(&CallError::Instantiating(error))?,
            };
            return Ok((end, reading));
        }
    };
    let called = match entry {
        Entry::Job => instance
            .get_typed_func::<(), (Result<(), String>,)>(&mut *store, "run")
            .and_then(|run| run.call(&mut *store, ()))
            .map(|(result,)| result.map_err(|message| (message, None))),
        Entry::Command(name) => instance
            .get_export_index(&mut *store, None, name)
            .and_then(|run| instance.get_export_index(&mut *store, Some(&run), "run"))
            .ok_or_else(|| wasmtime::format_err!("{name} has no function `run`"))
            .and_then(|run| instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, run))
            .and_then(|run| run.call(&mut *store, ()))
            .map(|(result,)| result.map_err(|()| (String::new(), Some(1)))),
    };
    match called {
        Ok(result) => {
            let reading = read_export(store, &instance)?;
            Ok((
                result.map_or_else(
                    |(message, code)| End::Failed { message, code },
                    |()| End::Ok,
                ),
                Some(reading),
            ))
        }
        Err(error) => {
            let reading = match read_dump(store, &error) {
                Some(reading) => reading,
                // No guest code was on the stack: the result could not be lifted, and the meter
                // answers still.
                None => read_export(store, &instance)?,
            };
            Ok((end_of(&CallError::Running(error))?, Some(reading)))
        }
    }
}

/// Whether an error is neither a trap nor an end of ours.
fn is_of_the_engine(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<HostEnd>().is_none() && error.downcast_ref::<Trap>().is_none()
}

/// What an error means. Errors that are no trap and no end of ours are the component model's own,
/// for a guest that breaks its rules, unless they arose while creating instances.
fn end_of(error: &CallError) -> Result<End, RunError> {
    let (CallError::Instantiating(cause) | CallError::Running(cause)) = error;
    if let Some(end) = cause.downcast_ref::<HostEnd>() {
        return match end {
            HostEnd::Limit(which) => Ok(End::Limit(which)),
            HostEnd::Stopped(by) => Ok(End::Stopped(*by)),
            HostEnd::Exit(0) => Ok(End::Ok),
            HostEnd::Exit(code) => Ok(End::Failed {
                message: String::new(),
                code: Some(*code),
            }),
            HostEnd::Fault(message) => Err(Fault::Host(message.clone()).into()),
            HostEnd::NoDevice => Err(Refusal::NoDevice.into()),
            HostEnd::Unable(reason) => Err(Refusal::Model(reason.clone()).into()),
            HostEnd::Trap(_) => Ok(End::Trapped("host_call_misused")),
        };
    }
    match (cause.downcast_ref::<Trap>(), error) {
        (Some(Trap::StackOverflow), _) => Err(Fault::NativeStack.into()),
        (Some(trap), _) => Ok(End::Trapped(trap_code(*trap))),
        // With guest code on the stack, it is the guest that broke a rule, in a start function.
        (None, CallError::Instantiating(cause))
            if cause.downcast_ref::<WasmCoreDump>().is_none() =>
        {
            Err(Fault::Host(format!(
                "instances could not be created: {}",
                cause.root_cause()
            ))
            .into())
        }
        (None, CallError::Instantiating(_)) => Ok(End::Trapped("canonical_abi")),
        (None, CallError::Running(_)) => Ok(End::Trapped("canonical_abi")),
    }
}

/// All that a trap can be called.
pub(crate) const TRAP_CODES: &[&str] = &[
    "unreachable",
    "out_of_bounds_memory",
    "out_of_bounds_table",
    "null_function",
    "wrong_function_type",
    "integer_overflow",
    "division_by_zero",
    "bad_conversion_to_integer",
    "null_reference",
    "cannot_enter_component",
    "cannot_leave_component",
    "canonical_abi",
    "host_call_misused",
];

/// All limits that can end a run.
pub(crate) const LIMIT_NAMES: &[&str] = &[
    "instructions",
    "stack_units",
    "memory_bytes",
    "table_elements",
    "host_calls",
    "bytes_in",
    "bytes_out",
    "handles",
    "file_bytes",
    "log_lines",
    "log_bytes",
    "progress_events",
    "model_bytes",
    "inference_ops",
    "inference_weight_bytes",
    "inference_tensor_bytes",
];

/// Our names of traps: stable, whatever the engine calls them.
fn trap_code(trap: Trap) -> &'static str {
    match trap {
        Trap::UnreachableCodeReached => "unreachable",
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned => "out_of_bounds_memory",
        Trap::TableOutOfBounds => "out_of_bounds_table",
        Trap::IndirectCallToNull => "null_function",
        Trap::BadSignature => "wrong_function_type",
        Trap::IntegerOverflow => "integer_overflow",
        Trap::IntegerDivisionByZero => "division_by_zero",
        Trap::BadConversionToInteger => "bad_conversion_to_integer",
        Trap::NullReference => "null_reference",
        Trap::CannotEnterComponent => "cannot_enter_component",
        Trap::CannotLeaveComponent => "cannot_leave_component",
        _ => "canonical_abi",
    }
}

fn declared_only(program: &Program, host: &Host) -> Spent {
    let declared = program.declared();
    let [left, stack] = host.budgets;
    let reading = Reading {
        left,
        stack_left: i32::try_from(stack).unwrap_or(i32::MAX),
        pages_grown: 0,
        grown_low: 0,
        grown_high: 0,
    };
    let budget = u64::try_from(left)
        .unwrap_or(0)
        .saturating_add(declared.units);
    spent(&program.metered, budget, &reading)
}

/// What the host approved the guest must have got: less means that this machine had no more.
fn check_growth(
    spent: &Spent,
    program: &Program,
    host: &Host,
    was_read: bool,
) -> Result<(), Fault> {
    let counted = spent.memory_pages_peak.saturating_mul(PAGE_BYTES);
    let complete = was_read
        && host.memory.memory_bytes() >= program.declared().memory_pages.saturating_mul(PAGE_BYTES);
    if complete && host.memory.memory_bytes() > counted {
        return Err(Fault::OutOfMemory);
    }
    Ok(())
}

/// Pages that were declared, and never created because others grew into their place, are billed up
/// to the limit: a bill never exceeds its limits.
fn at_most(spent: Spent, limits: &Limits) -> Spent {
    let pages_max = limits.memory_bytes / PAGE_BYTES;
    let integral_max = u128::from(pages_max) * u128::from(spent.instructions);
    Spent {
        memory_pages_peak: spent.memory_pages_peak.min(pages_max),
        memory_page_instructions: spent.memory_page_instructions.min(integral_max),
        ..spent
    }
}

fn finish(
    mut host: Host,
    end: End,
    spent: Spent,
    profile: Option<Profile>,
) -> Result<Ran, RunError> {
    // A budget that is exhausted decides, whatever else happened.
    let outcome = match (spent.exhausted, end) {
        (Some(Exhausted::Instructions), _) => Outcome::Limit {
            which: "instructions",
        },
        (Some(Exhausted::Stack), _) => Outcome::Limit {
            which: "stack_units",
        },
        (None, End::Ok) => Outcome::Ok,
        (None, End::Failed { message, code }) => Outcome::Failed {
            message: cut(message),
            code,
        },
        (None, End::Trapped(trap)) => Outcome::Trapped { trap },
        (None, End::Limit(which)) => Outcome::Limit { which },
        (None, End::Stopped(by)) => Outcome::Stopped { by, killed: false },
    };
    crate::nn::finish(&mut host);
    let outputs = host.take_outputs().map_err(Fault::from)?;
    Ok(Ran {
        outcome,
        measured: Measured {
            spent,
            host_calls: host.tally.host_calls,
            bytes_in: host.tally.bytes_in,
            bytes_out: host.tally.bytes_out,
            model_bytes: host.tally.model_bytes,
            inference: host.tally.inference,
            models: host.tally.models(),
        },
        outputs,
        memory_refusals: host.memory.refusals(),
        instantiate_time: host.instantiate_time,
        profile,
        engine: None,
        transcript: host.transcript,
    })
}

/// The longest prefix of whole characters that is kept.
fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let at = (0..=MESSAGE_BYTES_MAX)
            .rev()
            .find(|at| message.is_char_boundary(*at))
            .unwrap_or(0);
        message.truncate(at);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_between_two_characters() {
        let whole = "a".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(cut(whole.clone()), whole);
        assert_eq!(cut(format!("{whole}b")), whole);
        // The last character has two bytes, of which one fits.
        let text = format!("{}é", "a".repeat(MESSAGE_BYTES_MAX - 1));
        assert_eq!(cut(text), "a".repeat(MESSAGE_BYTES_MAX - 1));
    }
}
