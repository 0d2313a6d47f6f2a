//! What was measured, and the figures that follow from it. Measures and prints nothing.

use serde::{Deserialize, Serialize};

use crate::configuration::Configuration;
use crate::programs::Group;

/// Everything that one run of the benchmark found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The processor, as it names itself.
    pub processor: String,
    /// How many of it the system has.
    pub processors: usize,
    /// How often each layout of a program ran in each configuration.
    pub rounds: usize,
    pub programs: Vec<ProgramReport>,
    pub passes: Vec<PassReport>,
    /// The pass on parts of the largest module, where that was measured.
    pub growth: Vec<Growth>,
}

/// One program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProgramReport {
    pub name: String,
    pub group: Group,
    /// The module that it is an export of.
    pub module: String,
    /// In the order of the layouts.
    pub layouts: Vec<LayoutReport>,
}

/// One layout of a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LayoutReport {
    /// In the order of [`Configuration::ALL`].
    pub configurations: Vec<ConfigurationReport>,
}

/// One layout of a program in one configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfigurationReport {
    pub configuration: Configuration,
    /// The shortest execution, in processor time of its thread.
    pub cpu_time_ns: u64,
    pub code_bytes: usize,
    /// The meter's units, where our pass made the module.
    pub units: Option<u64>,
}

/// The pass on one module, beside its compilation without a meter on one thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PassReport {
    pub module: String,
    /// Of the first program in the module.
    pub group: Group,
    pub wasm_bytes: usize,
    /// The shortest time, in processor time of its one thread; so the next.
    pub pass_ns: u64,
    pub compile_ns: u64,
}

/// The pass on a part of a module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Growth {
    pub function_bytes: usize,
    pub pass_ns: u64,
}

impl LayoutReport {
    pub fn of(&self, configuration: Configuration) -> &ConfigurationReport {
        self.configurations
            .iter()
            .find(|report| report.configuration == configuration)
            .expect("a layout is measured in all configurations")
    }
}

impl ProgramReport {
    /// The median over the layouts of the time against the time without a meter.
    pub fn time_ratio(&self, configuration: Configuration) -> f64 {
        let ratio = |layout: &LayoutReport| {
            let plain = layout.of(Configuration::Plain).cpu_time_ns;
            layout.of(configuration).cpu_time_ns as f64 / plain as f64
        };
        median(self.layouts.iter().map(ratio).collect())
    }

    /// Machine code against machine code without a meter, of the module as it is.
    pub fn code_ratio(&self, configuration: Configuration) -> f64 {
        let layout = &self.layouts[0];
        let plain = layout.of(Configuration::Plain).code_bytes;
        layout.of(configuration).code_bytes as f64 / plain as f64
    }

    /// The shortest time without a meter, of the module as it is.
    pub fn plain_ms(&self) -> f64 {
        self.layouts[0].of(Configuration::Plain).cpu_time_ns as f64 / 1e6
    }
}

impl PassReport {
    /// The pass's time as a part of the compilation's.
    pub fn part(&self) -> f64 {
        self.pass_ns as f64 / self.compile_ns as f64
    }
}

impl Growth {
    pub fn ms_per_mb(&self) -> f64 {
        self.pass_ns as f64 / self.function_bytes as f64
    }
}

impl Report {
    pub fn group(&self, group: Group) -> impl Iterator<Item = &ProgramReport> {
        self.programs
            .iter()
            .filter(move |program| program.group == group)
    }

    /// The time ratios of a group in a configuration.
    pub fn time_ratios(&self, group: Group, configuration: Configuration) -> Vec<f64> {
        self.group(group)
            .map(|program| program.time_ratio(configuration))
            .collect()
    }

    /// The code size ratios of a group in a configuration, one for each module.
    pub fn code_ratios(&self, group: Group, configuration: Configuration) -> Vec<f64> {
        let mut programs: Vec<&ProgramReport> = self.group(group).collect();
        programs.dedup_by_key(|program| &program.module);
        programs
            .into_iter()
            .map(|program| program.code_ratio(configuration))
            .collect()
    }
}

/// The geometric mean; 1 of nothing.
pub fn geomean(values: &[f64]) -> f64 {
    let logarithms: f64 = values.iter().map(|value| value.ln()).sum();
    (logarithms / values.len().max(1) as f64).exp()
}

/// The largest value; 0 of nothing.
pub fn max(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
