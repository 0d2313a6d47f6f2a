//! Owns how a case is measured: on each engine, beside a product of matrices. Knows no case but that one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use meterbox_inference::{
    Engine, EngineKind, EngineSettings, InputShape, Libraries, Model, ModelLimits,
};

use crate::case::{Case, FLOAT, In, case};

/// Calls of a case, of which the fastest counts; fewer where they take long.
const CALLS: usize = 7;
const CASE_TIME: Duration = Duration::from_millis(400);

/// What a case takes and is charged on an engine.
#[derive(Clone, Copy)]
pub struct Measured {
    pub took: Duration,
    pub operations: u64,
}

impl Measured {
    fn seconds_per_operation(self) -> f64 {
        self.took.as_secs_f64() / self.operations.max(1) as f64
    }
}

/// An engine, and what all cases on it are measured by.
pub struct Bench {
    engine: Engine,
    /// Seconds that an operation of a product of matrices takes.
    pub standard: f64,
}

impl Bench {
    /// The engines there are.
    pub fn all() -> Vec<Bench> {
        let mut engines = vec![Engine::embedded()];
        if let Some(path) = std::env::var_os("METERBOX_ONNXRUNTIME").map(PathBuf::from) {
            let settings = EngineSettings {
                kind: EngineKind::OnnxRuntime,
                libraries: Libraries {
                    onnxruntime: Some(path),
                    ..Libraries::default()
                },
                ..EngineSettings::default()
            };
            engines.push(Engine::open(&settings).unwrap());
        }
        let benches = engines.into_iter().map(|engine| {
            let bench = Bench {
                engine,
                standard: 0.0,
            };
            let standard = bench.measure(&standard(), CALLS).unwrap();
            Bench {
                standard: standard.seconds_per_operation(),
                ..bench
            }
        });
        benches.collect()
    }

    pub fn kind(&self) -> EngineKind {
        self.engine.facts().kind
    }

    /// How many times as long as one of the product an operation takes.
    pub fn times(&self, measured: Measured) -> f64 {
        measured.seconds_per_operation() / self.standard
    }

    pub fn of(&self, case: &Case) -> Result<Measured, String> {
        self.measure(case, CALLS)
    }

    /// How many times as long as one of the product an operation takes, which is measured once more beside it: the
    /// machine may have been slower, or faster, when it was.
    pub fn times_now(&self, case: &Case) -> Result<f64, String> {
        let measured = self.of(case)?;
        let product = self.of(&standard())?;
        Ok(measured.seconds_per_operation() / product.seconds_per_operation())
    }

    /// As [`Bench::of`], by one call after the first.
    pub fn roughly(&self, case: &Case) -> Result<Measured, String> {
        self.measure(case, 1)
    }

    fn measure(&self, case: &Case, calls: usize) -> Result<Measured, String> {
        let bytes = case.model.bytes();
        let begun = Instant::now();
        let model = Model::load_on(&bytes, &ModelLimits::default(), &self.engine)
            .map_err(|error| error.to_string())?;
        let shapes = case.inputs.iter().map(|(name, tensor)| InputShape {
            name,
            dimensions: tensor.dimensions(),
            element_type: tensor.element_type(),
        });
        let cost = model.cost(&shapes.collect::<Vec<_>>());
        let cost = cost.map_err(|error| error.to_string())?;
        let operations = cost.operations.total().ok_or("its cost overflows")?;
        let call = || {
            let begun = Instant::now();
            let outputs = model.compute(case.inputs.clone());
            outputs.map_err(|error| error.to_string())?;
            Ok::<Duration, String>(begun.elapsed())
        };
        call()?;
        if case.is_preparation {
            // The first call is among it.
            return Ok(Measured {
                took: begun.elapsed(),
                operations: model.preparation_units().saturating_add(operations),
            });
        }
        let mut took = Duration::MAX;
        let all = Instant::now();
        for _ in 0..calls {
            took = took.min(call()?);
            if all.elapsed() > CASE_TIME {
                break;
            }
        }
        Ok(Measured { took, operations })
    }
}

/// What all others are measured by.
pub fn standard() -> Case {
    let matrix = || In::F(vec![512, 512]);
    case("MatMul 512", 17, &[matrix(), matrix()], vec![], &[FLOAT])
}
