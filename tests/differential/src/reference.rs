//! Runs a call on the second implementation.

use std::cell::Cell;
use std::rc::Rc;

use meterbox_meter::Tier;
use meterbox_reference::{Guest, Host, Instance, Module, Settings, Stop, ValType, Value};

use crate::case::{Bits, Call, Done, Ending, hash};
use crate::compare::Memory;
use crate::host;

/// The host's functions.
#[derive(Default)]
struct Functions {
    /// Whether there is an instance to call.
    made: Rc<Cell<bool>>,
    /// How many calls of it wait.
    waiting: u32,
}

impl Functions {
    fn call_back(&mut self, value: u32, guest: &mut Guest<'_>) -> Result<Vec<Value>, Stop> {
        let number = [ValType::I32];
        let callable = guest
            .function_type(host::BACK)
            .is_some_and(|ty| ty.params() == number && ty.results() == number);
        if !callable || !self.made.get() || self.waiting == host::WAITING_MAX {
            return Ok(vec![Value::I32(value)]);
        }
        self.waiting += 1;
        let called = guest.call(self, host::BACK, &[Value::I32(value)]);
        self.waiting -= 1;
        called
    }
}

impl Host for Functions {
    fn call(
        &mut self,
        _module: &str,
        name: &str,
        arguments: &[Value],
        guest: &mut Guest<'_>,
    ) -> Result<Vec<Value>, Stop> {
        match (name, arguments) {
            (host::TWICE, [Value::I32(value)]) => Ok(vec![Value::I32(host::twice(*value))]),
            (host::MIX, [Value::I64(a), Value::I32(b)]) => Ok(vec![Value::I64(host::mix(*a, *b))]),
            (host::CALL_BACK, [Value::I32(value)]) => self.call_back(*value, guest),
            _ => Ok(Vec::new()),
        }
    }

    fn global(&mut self, _module: &str, _name: &str, _ty: ValType) -> Option<Value> {
        None
    }
}

/// A program, read by the second implementation.
pub struct Reference(Module, Tier);

impl Reference {
    /// Reads a program that was not rewritten, to be charged by the weights of a memory tier.
    ///
    /// # Errors
    /// If the second implementation does not know all that the program uses.
    pub fn new(wasm: &[u8], tier: Tier) -> Result<Reference, meterbox_reference::Error> {
        Ok(Reference(Module::parse(wasm)?, tier))
    }

    /// Makes an instance, and one call.
    ///
    /// # Panics
    /// If it has no global of such a name.
    #[must_use]
    pub fn run(&self, call: &Call, globals: &[String], memories: &[Memory]) -> Done {
        let settings = Settings {
            left: call.left,
            stack_units: call.stack_units,
            tier: self.1,
            pages_max: crate::engine::PAGES_MAX,
            table_elements_max: crate::engine::TABLE_ELEMENTS_MAX,
        };
        let functions = Functions::default();
        let made = Rc::clone(&functions.made);
        let (instance, mut ending, mut reading) =
            Instance::new(&self.0, Box::new(functions), &settings);
        made.set(true);
        let mut seen = (Vec::new(), Vec::new());
        if let Some(mut instance) = instance {
            let arguments: Vec<Value> = call.arguments.iter().map(|bits| value(*bits)).collect();
            ending = instance.invoke(&call.export, &arguments);
            reading = instance.reading();
            seen.0 = globals
                .iter()
                .map(|name| bits(instance.global(name).as_ref().unwrap()))
                .collect();
            seen.1 = memories
                .iter()
                .map(|memory| instance.memory(memory.index))
                .map(|bytes| (bytes.len(), hash(bytes)))
                .collect();
        }
        Done {
            ending: match ending {
                meterbox_reference::Ending::Returned(values) => {
                    Ending::Returned(values.iter().map(bits).collect())
                }
                meterbox_reference::Ending::Trapped(trap) => Ending::Trapped(trap.to_string()),
                meterbox_reference::Ending::Exception => Ending::Exception,
                meterbox_reference::Ending::Exhausted
                | meterbox_reference::Ending::StackExhausted => Ending::Limited,
            },
            left: reading.left,
            stack_exhausted: reading.stack_left < 0,
            pages_grown: reading.pages_grown,
            grown_low: reading.grown_low,
            grown_high: reading.grown_high,
            globals: seen.0,
            memories: seen.1,
        }
    }
}

fn value(bits: Bits) -> Value {
    match bits {
        Bits::I32(bits) => Value::I32(bits),
        Bits::I64(bits) => Value::I64(bits),
        Bits::F32(bits) => Value::F32(bits),
        Bits::F64(bits) => Value::F64(bits),
        Bits::V128(bits) => Value::V128(bits),
        Bits::Ref(_) => Value::Func(None),
    }
}

fn bits(value: &Value) -> Bits {
    match value {
        Value::I32(bits) => Bits::I32(*bits),
        Value::I64(bits) => Bits::I64(*bits),
        Value::F32(bits) => Bits::F32(*bits),
        Value::F64(bits) => Bits::F64(*bits),
        Value::V128(bits) => Bits::V128(*bits),
        Value::Func(reference) => Bits::Ref(reference.is_none()),
        Value::Extern(reference) => Bits::Ref(reference.is_none()),
        Value::Exn(reference) => Bits::Ref(reference.is_none()),
    }
}
