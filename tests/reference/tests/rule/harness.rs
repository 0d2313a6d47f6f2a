//! Runs one function of a small program, and says what the meter shows. Expects nothing.

use meterbox_meter::Class;
use meterbox_reference::{
    Ending, Guest, Host, Instance, Module, Reading, Settings, Stop, Tier, Trap, ValType, Value,
};

pub const BUDGET: i64 = 1 << 60;
pub const STACK: i32 = 1 << 20;

pub const SETTINGS: Settings = Settings {
    left: BUDGET,
    stack_units: STACK,
    tier: Tier::Large,
    pages_max: 100,
    table_elements_max: 1000,
};

/// What a class weighs.
pub fn w(class: Class) -> i64 {
    i64::from(class.weight(Tier::Large))
}

/// What so many simple operators weigh.
pub fn simple(count: i64) -> i64 {
    count * w(Class::Simple)
}

/// A host whose `host.id` returns its argument, whose `host.call` calls the export `g` with it, and whose
/// `host.trap` traps.
pub struct TestHost;

impl Host for TestHost {
    fn call(
        &mut self,
        _module: &str,
        name: &str,
        arguments: &[Value],
        guest: &mut Guest<'_>,
    ) -> Result<Vec<Value>, Stop> {
        match name {
            "id" => Ok(arguments.to_vec()),
            "call" => guest.call(self, "g", arguments),
            _ => Err(Trap::Host(name.to_owned()).into()),
        }
    }

    fn global(&mut self, _module: &str, _name: &str, _ty: ValType) -> Option<Value> {
        None
    }
}

pub struct Run {
    pub ending: Ending,
    pub reading: Reading,
    /// The instance, if its creation went well.
    pub instance: Option<Instance>,
    budget: i64,
}

impl Run {
    /// The units that are billed: those that the last sync point recorded.
    pub fn units(&self) -> i64 {
        self.budget - self.reading.left
    }

    /// The bits of an exported global.
    pub fn global(&self, name: &str) -> Value {
        self.instance.as_ref().unwrap().global(name).unwrap()
    }
}

/// Runs the export `f` of a program, unless its start function has another ending than returning.
pub fn run_with(wat: &str, arguments: &[Value], settings: &Settings) -> Run {
    let module = Module::parse(&wat::parse_str(wat).unwrap()).unwrap();
    let (instance, ending, reading) = Instance::new(&module, Box::new(TestHost), settings);
    let budget = settings.left;
    let Some(mut instance) = instance else {
        return Run {
            ending,
            reading,
            instance: None,
            budget,
        };
    };
    let ending = instance.invoke("f", arguments);
    let reading = instance.reading();
    Run {
        ending,
        reading,
        instance: Some(instance),
        budget,
    }
}

pub fn run(wat: &str, arguments: &[Value]) -> Run {
    run_with(wat, arguments, &SETTINGS)
}

/// The units of a run that returns, which gives its frames back.
pub fn units(wat: &str, arguments: &[Value]) -> i64 {
    let run = run(wat, arguments);
    assert!(
        matches!(run.ending, Ending::Returned(_)),
        "{:?}: {wat}",
        run.ending
    );
    assert_eq!(run.reading.stack_left, STACK, "frames are given back");
    run.units()
}

/// The units that are billed of a run that traps.
pub fn trapped(wat: &str, arguments: &[Value], trap: &Trap) -> i64 {
    let run = run(wat, arguments);
    assert_eq!(run.ending, Ending::Trapped(trap.clone()), "{wat}");
    run.units()
}

/// The results of a run that returns.
pub fn results(wat: &str, arguments: &[Value]) -> Vec<Value> {
    match run(wat, arguments).ending {
        Ending::Returned(results) => results,
        other => panic!("{other:?}: {wat}"),
    }
}

pub fn i32(value: i32) -> Value {
    Value::I32(value.cast_unsigned())
}

pub fn i64(value: i64) -> Value {
    Value::I64(value.cast_unsigned())
}
