//! Measures how many operations of models an engine computes in a second, by products of matrices. Prices nothing.

use std::time::{Duration, Instant};

use meterbox_billing::usage::Meter;
use meterbox_inference::{
    ComputeError, ElementType, Engine, InputShape, Model, ModelError, ModelLimits, Operations,
    Tensor, matrix_products,
};

use super::per_second;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::Ui;

/// Rows of the matrices that are multiplied, and how often in one call.
const ROWS: u32 = 512;
const TIMES: usize = 4;

/// A meter of operations, and what is multiplied to measure it.
struct Class {
    meter: Meter,
    element_type: ElementType,
    /// What a call counts under the meter.
    counted: fn(&Operations) -> u64,
    /// 1/64, or 1 of whole numbers: small enough to stay a number, and far from subnormal ones.
    plus: &'static [u8],
    minus: &'static [u8],
}

/// What is measured. f32 stands for the types that the engine does not multiply.
const CLASSES: [Class; 4] = [
    Class {
        meter: Meter::InferenceOpsF32,
        element_type: ElementType::F32,
        counted: |operations| operations.f32,
        plus: &0.015_625_f32.to_le_bytes(),
        minus: &(-0.015_625_f32).to_le_bytes(),
    },
    Class {
        meter: Meter::InferenceOpsF64,
        element_type: ElementType::F64,
        counted: |operations| operations.f64,
        plus: &0.015_625_f64.to_le_bytes(),
        minus: &(-0.015_625_f64).to_le_bytes(),
    },
    Class {
        meter: Meter::InferenceOpsF16,
        element_type: ElementType::F16,
        counted: |operations| operations.f16,
        plus: &0x2400_u16.to_le_bytes(),
        minus: &0xa400_u16.to_le_bytes(),
    },
    Class {
        meter: Meter::InferenceOpsI8,
        element_type: ElementType::I8,
        counted: |operations| operations.i8,
        plus: &[1],
        minus: &[0xff],
    },
];

/// Operations a second of each precision. Says what could not be measured, and what it was taken for.
pub(super) fn rates(
    engine: &Engine,
    time: Duration,
    ui: &Ui,
) -> Result<Vec<(Meter, u128)>, Failure> {
    let mut rates: Vec<(Meter, u128)> = Vec::new();
    for class in &CLASSES {
        let rate = match (rate(engine, class, time)?, rates.first()) {
            (Ok(rate), _) => rate,
            (Err(why), None) => return Err(Failure::new(Exit::Fault, why)),
            (Err(why), Some(&(_, of_f32))) => {
                let engine = engine.facts().kind;
                ui.say(&format!(
                    "{} is taken for f32, since {engine} does not multiply it: {why}",
                    class.element_type
                ));
                of_f32
            }
        };
        rates.push((class.meter, rate));
    }
    // No engine multiplies 4 bits: they are made wider first.
    if let Some(&(_, of_i8)) = rates.last() {
        rates.push((Meter::InferenceOpsI4, of_i8));
    }
    Ok(rates)
}

/// Operations a second, or why the engine computes none of this class.
fn rate(engine: &Engine, class: &Class, time: Duration) -> Result<Result<u128, String>, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::caused(Exit::Fault, "a measurement failed", error)
    };
    let element_type = class.element_type;
    let model = matrix_products(ROWS, TIMES, element_type);
    let model = Model::load_on(&model, &ModelLimits::default(), engine);
    let model = match model {
        Ok(model) => model,
        Err(ModelError::Backend(why)) => return Ok(Err(why)),
        Err(error) => return Err(failed(&error)),
    };
    let dimensions = [ROWS, ROWS];
    let x = Tensor::new(dimensions.to_vec(), element_type, matrix(class));
    let x = x.map_err(|error| failed(&error))?;
    let shape = InputShape {
        name: "x",
        dimensions: &dimensions,
        element_type,
    };
    let cost = model.cost(&[shape]).map_err(|error| failed(&error))?;
    let call = || model.compute(vec![("x".to_owned(), x.clone())]);
    // The first call prepares the model.
    match call() {
        Ok(_) => {}
        Err(ComputeError::Unable(why)) => return Ok(Err(why)),
        Err(error) => return Err(failed(&error)),
    }
    let (began, mut calls) = (Instant::now(), 0_u128);
    while began.elapsed() < time {
        call().map_err(|error| failed(&error))?;
        calls = calls.saturating_add(1);
    }
    let operations = calls.saturating_mul((class.counted)(&cost.operations).into());
    Ok(Ok(per_second(operations, began.elapsed())))
}

/// Elements whose signs look random: a GPU computes faster with a matrix that is all the same.
fn matrix(class: &Class) -> Vec<u8> {
    let signs = (0..ROWS * ROWS).map(|at| at.wrapping_mul(0x9e37_79b9) >> 31 == 0);
    let elements = signs.flat_map(|is_plus| match is_plus {
        true => class.plus,
        false => class.minus,
    });
    elements.copied().collect()
}
