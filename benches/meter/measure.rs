//! Runs programs in all configurations by turns, and times the pass. Prints nothing.

use std::time::Duration;

use meterbox_meter::meter;
use wasmtime::{Engine, Module};

use crate::clock::cpu_time;
use crate::configuration::{Compiled, Engines, config};
use crate::layout::{function_bytes, layout, reduced};
use crate::programs::{Group, Program};
use crate::report::{ConfigurationReport, Growth, LayoutReport, PassReport, ProgramReport};

/// A module in all layouts and configurations.
pub struct Variants(Vec<Vec<Compiled>>);

impl Variants {
    pub fn new(engines: &Engines, module: &[u8], layouts: usize) -> Self {
        let compile = |number| engines.compile(&layout(module, number));
        Self((0..layouts).map(compile).collect())
    }

    /// Runs a program of the module `rounds` times in each layout and configuration.
    ///
    /// # Panics
    /// If two executions differ in their result, or two of the same code in their units.
    pub fn measure(&self, program: &Program, rounds: usize) -> ProgramReport {
        let mut best: Vec<Vec<Best>> = self
            .0
            .iter()
            .map(|variants| variants.iter().map(|_| Best::default()).collect())
            .collect();
        let mut expected = None;
        for round in 0..rounds {
            for (variants, best) in self.0.iter().zip(&mut best) {
                // Each round begins with another configuration, so that none always follows the same.
                for turn in 0..variants.len() {
                    let at = (round + turn) % variants.len();
                    let execution = variants[at].run(program.export, program.argument);
                    let result = *expected.get_or_insert(execution.result);
                    assert_eq!(
                        execution.result, result,
                        "{} computes the same in all configurations",
                        program.name
                    );
                    best[at].add(program.name, execution.cpu_time, execution.units);
                }
            }
        }
        let layouts = self.0.iter().zip(best).map(|(variants, best)| {
            let report = |(variant, best): (&Compiled, Best)| ConfigurationReport {
                configuration: variant.configuration,
                cpu_time_ns: nanoseconds(best.cpu_time.expect("there is a round")),
                code_bytes: variant.code_bytes(),
                units: best.units,
            };
            LayoutReport {
                configurations: variants.iter().zip(best).map(report).collect(),
            }
        });
        ProgramReport {
            name: program.name.to_owned(),
            group: program.group,
            module: program.module.to_owned(),
            layouts: layouts.collect(),
        }
    }
}

/// The best execution so far.
#[derive(Default)]
struct Best {
    cpu_time: Option<Duration>,
    units: Option<u64>,
}

impl Best {
    fn add(&mut self, name: &str, cpu_time: Duration, units: Option<u64>) {
        if self.cpu_time.is_some() {
            assert_eq!(self.units, units, "{name} spends the same each time");
        }
        self.units = units;
        self.cpu_time = Some(self.cpu_time.map_or(cpu_time, |best| best.min(cpu_time)));
    }
}

/// Times the pass on a module beside its compilation, each on one thread.
pub fn pass(module: &str, group: Group, bytes: &[u8]) -> PassReport {
    let mut config = config();
    config.parallel_compilation(false);
    let engine = Engine::new(&config).unwrap();
    PassReport {
        module: module.to_owned(),
        group,
        wasm_bytes: bytes.len(),
        pass_ns: shortest(|| drop(meter(bytes).unwrap())),
        compile_ns: shortest(|| drop(Module::new(&engine, bytes).unwrap())),
    }
}

/// Times the pass on a module of which a quarter, a half, three quarters and all of the functions
/// have their bodies.
pub fn growth(bytes: &[u8]) -> Vec<Growth> {
    let growth = |quarters| {
        let part = reduced(bytes, quarters);
        Growth {
            function_bytes: function_bytes(&part),
            pass_ns: shortest(|| drop(meter(&part).unwrap())),
        }
    };
    (1..=4).map(growth).collect()
}

/// The shortest time of at least two, and of as many as a tenth of a second has room for.
fn shortest(mut work: impl FnMut()) -> u64 {
    let began = cpu_time();
    let mut shortest = Duration::MAX;
    for time in 0..50 {
        if time >= 2 && cpu_time() - began > Duration::from_millis(100) {
            break;
        }
        let began = cpu_time();
        work();
        shortest = shortest.min(cpu_time() - began);
    }
    nanoseconds(shortest)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("nothing here takes years")
}
