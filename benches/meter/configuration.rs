//! The ways to run a program that are compared: each an engine, and a module made for it. Measures one
//! execution; compares nothing.

use std::time::Duration;

use meterbox_meter::{
    Floats, METER_GLOBALS, METER_MODULE, Metered, Options, Reading, Spent, left_at_start,
    meter_with, spent,
};
use serde::{Deserialize, Serialize};

use crate::clock::cpu_time;
use wasmtime::{
    Config, Engine, Global, GlobalType, Linker, Module, Mutability, OptLevel, Store, Val, ValType,
};

/// More than any program spends.
const BUDGET: u64 = 1 << 60;
const STACK_UNITS: i32 = 1 << 26;
const NATIVE_STACK_BYTES: usize = 4 << 20;

/// How a program's work is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Configuration {
    /// Not at all.
    Plain,
    /// As `Plain`: what differs is the machine's noise.
    PlainAgain,
    /// The engine's epochs, with a deadline that is never reached.
    Epochs,
    /// The engine's fuel.
    Fuel,
    /// The engine's fuel, and NaNs that the engine makes canonical.
    FuelCanonical,
    /// Our pass, which leaves NaNs as they are.
    Meter,
    /// Our pass, which makes floats deterministic.
    MeterCanonical,
}

impl Configuration {
    pub const ALL: [Self; 7] = [
        Self::Plain,
        Self::PlainAgain,
        Self::Epochs,
        Self::Fuel,
        Self::FuelCanonical,
        Self::Meter,
        Self::MeterCanonical,
    ];

    /// Those whose time is told as a ratio.
    pub const COMPARED: [Self; 6] = [
        Self::PlainAgain,
        Self::Epochs,
        Self::Fuel,
        Self::FuelCanonical,
        Self::Meter,
        Self::MeterCanonical,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::PlainAgain => "plain again",
            Self::Epochs => "epochs",
            Self::Fuel => "fuel",
            Self::FuelCanonical => "fuel + NaN",
            Self::Meter => "meter",
            Self::MeterCanonical => "meter + NaN",
        }
    }

    fn floats(self) -> Option<Floats> {
        match self {
            Self::Meter => Some(Floats::AsTheEngine),
            Self::MeterCanonical => Some(Floats::Canonical),
            _ => None,
        }
    }

    fn engine(self) -> Engine {
        let mut config = config();
        config
            .epoch_interruption(self == Self::Epochs)
            .consume_fuel(matches!(self, Self::Fuel | Self::FuelCanonical))
            .cranelift_nan_canonicalization(self == Self::FuelCanonical);
        Engine::new(&config).unwrap()
    }
}

/// What all configurations have in common.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(NATIVE_STACK_BYTES)
        .async_stack_size(2 * NATIVE_STACK_BYTES);
    config
}

/// The engines, each made once.
pub struct Engines(Vec<(Configuration, Engine)>);

impl Engines {
    pub fn new() -> Self {
        let engine = |configuration: Configuration| (configuration, configuration.engine());
        Self(Configuration::ALL.map(engine).to_vec())
    }

    /// Compiles a module in all configurations, in their order.
    pub fn compile(&self, bytes: &[u8]) -> Vec<Compiled> {
        let mut compiled: Vec<Compiled> = Vec::new();
        for (configuration, engine) in &self.0 {
            let metered = configuration.floats().map(|floats| {
                let options = Options {
                    floats,
                    ..Options::default()
                };
                meter_with(bytes, &options).unwrap()
            });
            let module = match (configuration, &metered) {
                (Configuration::PlainAgain, _) => compiled[0].module.clone(),
                (_, Some(metered)) => Module::new(engine, &metered.bytes).unwrap(),
                (_, None) => Module::new(engine, bytes).unwrap(),
            };
            compiled.push(Compiled {
                configuration: *configuration,
                module,
                metered,
            });
        }
        compiled
    }
}

/// A module that is ready to be run in a configuration.
pub struct Compiled {
    pub configuration: Configuration,
    module: Module,
    metered: Option<Metered>,
}

/// What an execution did, and how long it took.
pub struct Execution {
    pub cpu_time: Duration,
    pub result: u64,
    /// The meter's units, where our pass made the module.
    pub units: Option<u64>,
}

impl Compiled {
    /// Bytes of machine code of the module's functions.
    pub fn code_bytes(&self) -> usize {
        self.module.functions().map(|function| function.len).sum()
    }

    /// Calls an export of a fresh instance; the call alone is timed.
    pub fn run(&self, export: &str, argument: u32) -> Execution {
        let engine = self.module.engine();
        let mut store = Store::new(engine, ());
        match self.configuration {
            Configuration::Epochs => store.set_epoch_deadline(1 << 40),
            Configuration::Fuel | Configuration::FuelCanonical => {
                store.set_fuel(u64::MAX).unwrap();
            }
            _ => {}
        }
        let mut linker = Linker::new(engine);
        let globals = self
            .metered
            .as_ref()
            .map(|metered| link_meter(&mut linker, &mut store, metered));
        link_stubs(&mut linker, &self.module);
        let instance = linker.instantiate(&mut store, &self.module).unwrap();
        if let Ok(initialize) = instance.get_typed_func::<(), ()>(&mut store, "_initialize") {
            initialize.call(&mut store, ()).unwrap();
        }
        let function = instance
            .get_typed_func::<u32, u64>(&mut store, export)
            .unwrap();
        let began = cpu_time();
        let result = function.call(&mut store, argument).unwrap();
        let cpu_time = cpu_time() - began;
        let units = self
            .metered
            .as_ref()
            .zip(globals)
            .map(|(metered, globals)| {
                let spent = read_meter(&mut store, metered, &globals);
                assert_eq!(spent.exhausted, None, "no program is ended by its limits");
                spent.instructions
            });
        Execution {
            cpu_time,
            result,
            units,
        }
    }
}

/// Gives a metered module the meter's globals.
fn link_meter(linker: &mut Linker<()>, store: &mut Store<()>, metered: &Metered) -> Vec<Global> {
    let left = left_at_start(metered, BUDGET).expect("the budget covers what is declared");
    let global = |(name, is_i32): (&str, bool)| {
        let (ty, value) = match (name, is_i32) {
            ("left", _) => (ValType::I64, Val::I64(left)),
            ("stack-left", _) => (ValType::I32, Val::I32(STACK_UNITS)),
            (_, true) => (ValType::I32, Val::I32(0)),
            (_, false) => (ValType::I64, Val::I64(0)),
        };
        let ty = GlobalType::new(ty, Mutability::Var);
        let global = Global::new(&mut *store, ty, value).unwrap();
        linker
            .define(&mut *store, METER_MODULE, name, global)
            .unwrap();
        global
    };
    METER_GLOBALS.map(global).to_vec()
}

fn read_meter(store: &mut Store<()>, metered: &Metered, globals: &[Global]) -> Spent {
    let mut value = |at: usize| match globals[at].get(&mut *store) {
        Val::I64(value) => value,
        Val::I32(value) => i64::from(value),
        other => panic!("no global of the meter is {other:?}"),
    };
    let reading = Reading {
        left: value(0),
        stack_left: i32::try_from(value(1)).unwrap(),
        pages_grown: value(2).cast_unsigned(),
        grown_low: value(3).cast_unsigned(),
        grown_high: value(4).cast_unsigned(),
    };
    spent(metered, BUDGET, &reading)
}

/// A WASI without a world: its clock stands still, its random numbers are what memory holds, and all
/// else ends the program.
fn link_stubs(linker: &mut Linker<()>, module: &Module) {
    const WASI: &str = "wasi_snapshot_preview1";
    linker
        .func_wrap(WASI, "random_get", |_: u32, _: u32| 0u32)
        .unwrap();
    linker
        .func_wrap(WASI, "clock_time_get", |_: u32, _: u64, _: u32| 0u32)
        .unwrap();
    linker.define_unknown_imports_as_traps(module).unwrap();
}
