//! The wasmtime that this workspace pins, in this process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Result;
use meterbox_differential::engine::{Wasmtime, Way};

use super::{Answer, Engine, locked_version};
use crate::program::Program;

/// wasmtime in one of its ways to run.
#[derive(Debug, Clone, Copy)]
pub struct InProcess {
    name: &'static str,
    way: Way,
}

impl InProcess {
    pub const SPEED: Self = Self {
        name: "wasmtime-speed",
        way: Way::Speed,
    };
    pub const NONE: Self = Self {
        name: "wasmtime-none",
        way: Way::None,
    };
    pub const PULLEY: Self = Self {
        name: "wasmtime-pulley",
        way: Way::Pulley,
    };
}

impl Engine for InProcess {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn version(&mut self) -> Result<String> {
        Ok(format!(
            "{} on {}",
            locked_version("wasmtime"),
            std::env::consts::ARCH
        ))
    }

    fn answer(&mut self, programs: &[Program]) -> Result<Vec<Answer>> {
        let engine = Wasmtime::new(self.way);
        Ok(programs
            .iter()
            .map(|program| run(&engine, program))
            .collect())
    }
}

fn run(engine: &Wasmtime, program: &Program) -> Answer {
    let compiled = match engine.compile(&program.metered) {
        Ok(compiled) => compiled,
        Err(error) => {
            return Answer::Refused {
                why: error.to_string(),
                takes_plain: engine.compile(&program.plain).is_ok(),
            };
        }
    };
    let (globals, memories) = (program.shape.global_names(), program.shape.memories());
    // It panics where wasmtime itself fails, which is a finding, not the end.
    let runs = catch_unwind(AssertUnwindSafe(|| {
        let calls = program.calls.iter();
        calls
            .map(|call| compiled.run(call, &globals, &memories))
            .collect()
    }));
    match runs {
        Ok(runs) => Answer::Ran(runs),
        Err(panic) => Answer::Failed(match panic.downcast_ref::<String>() {
            Some(message) => message.clone(),
            None => "it panicked".to_owned(),
        }),
    }
}
