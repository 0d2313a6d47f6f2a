//! Owns what is measured of an operator: a model of one node, and what it is given.

use meterbox_inference::{ElementType, Tensor};
use tract_onnx::pb::AttributeProto;

use crate::build::Onnx;

pub const FLOAT: i32 = 1;
pub const U8: i32 = 2;
pub const I8: i32 = 3;
pub const I32: i32 = 6;
pub const I64: i32 = 7;
pub const BOOL: i32 = 9;
pub const F16: i32 = 10;
pub const F64: i32 = 11;

/// What an input of the node is.
#[derive(Clone)]
pub enum In {
    /// Of the call: f32 between 0.1 and 0.9, of these dimensions.
    F(Vec<u32>),
    /// Of the call: f32 so small that their fraction does not begin with 1, for which processors take longer.
    Subnormal(Vec<u32>),
    /// Of the call: this type and these dimensions, whole numbers from 0 up to and without the last.
    T(i32, Vec<u32>, u32),
    /// Of the call: ones, of this type and these dimensions.
    Ones(i32, Vec<u32>),
    /// Of the call: whole numbers that count up from 0, again and again at the last.
    Counted(i32, Vec<u32>, u32),
    /// A constant of i64.
    Numbers(Vec<i64>),
    /// A constant of one i64, without dimensions.
    Number(i64),
    /// A constant of f32, of one dimension.
    Floats(Vec<f32>),
    /// A constant of f32 that repeats small numbers, of these dimensions.
    Weights(Vec<i64>),
    /// A constant of zeros: type, dimensions, bytes.
    Zeros(i32, Vec<i64>, usize),
    /// Left out.
    Nothing,
}

/// A model to be measured.
pub struct Case {
    /// The operator, and what is particular.
    pub name: String,
    pub model: Onnx,
    pub inputs: Vec<(String, Tensor)>,
    /// What is measured is how long it takes to get ready.
    pub is_preparation: bool,
}

/// Numbers that no compiler foresees, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

/// The bytes of a whole number, which is below 2,048.
fn encoded(element_type: i32, number: u32) -> Vec<u8> {
    match element_type {
        FLOAT => (number as f32).to_le_bytes().to_vec(),
        F64 => f64::from(number).to_le_bytes().to_vec(),
        // Its highest bit is the exponent, the others are the fraction.
        F16 if number == 0 => vec![0, 0],
        F16 => {
            let exponent = number.ilog2();
            let fraction = (number << (10 - exponent)) & 0x3ff;
            let bits = ((exponent + 15) << 10) | fraction;
            u16::try_from(bits).unwrap().to_le_bytes().to_vec()
        }
        I64 => u64::from(number).to_le_bytes().to_vec(),
        I32 => number.to_le_bytes().to_vec(),
        _ => vec![u8::try_from(number).unwrap()],
    }
}

fn filled(element_type: i32, dimensions: &[u32], element: impl FnMut(u32) -> Vec<u8>) -> Tensor {
    let count: u32 = dimensions.iter().product();
    let data: Vec<u8> = (0..count).flat_map(element).collect();
    let known = ElementType::from_onnx(element_type).unwrap();
    Tensor::new(dimensions.to_vec(), known, data).unwrap()
}

impl In {
    /// What a call is given, with the type's number in ONNX; none of what is a constant or left out.
    pub fn tensor(&self) -> Option<(i32, Tensor)> {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        match self {
            In::F(dimensions) => {
                let element = |_| {
                    let part = chance.below(1 << 16) as f32 / 65_536.0;
                    (0.1 + 0.8 * part).to_le_bytes().to_vec()
                };
                Some((FLOAT, filled(FLOAT, dimensions, element)))
            }
            In::Subnormal(dimensions) => {
                let element = |_| (1 + chance.below(1 << 22)).to_le_bytes().to_vec();
                Some((FLOAT, filled(FLOAT, dimensions, element)))
            }
            In::T(element_type, dimensions, below) => {
                let element = |_| encoded(*element_type, chance.below(*below));
                Some((*element_type, filled(*element_type, dimensions, element)))
            }
            In::Counted(element_type, dimensions, below) => {
                let element = |at| encoded(*element_type, at % below);
                Some((*element_type, filled(*element_type, dimensions, element)))
            }
            In::Ones(element_type, dimensions) => {
                let element = |_| encoded(*element_type, 1);
                Some((*element_type, filled(*element_type, dimensions, element)))
            }
            _ => None,
        }
    }
}

/// A model of one node, with one output more for each type.
pub fn case(
    name: &str,
    opset: i64,
    inputs: &[In],
    attributes: Vec<AttributeProto>,
    outputs: &[i32],
) -> Case {
    let operator = name.split(' ').next().unwrap();
    let mut onnx = Onnx::new().opset(opset);
    let mut names = Vec::new();
    let mut given = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let named = format!("x{index}");
        onnx = match input {
            In::Numbers(values) => onnx.integers(&named, values),
            In::Number(value) => onnx.scalar(&named, *value),
            In::Floats(values) => onnx.floats(&named, values),
            In::Weights(dimensions) => onnx.weights(&named, dimensions),
            In::Zeros(element_type, dimensions, bytes) => {
                onnx.zeros(&named, *element_type, dimensions, *bytes)
            }
            _ => onnx,
        };
        if let Some((element_type, tensor)) = input.tensor() {
            let sizes: Vec<i64> = tensor
                .dimensions()
                .iter()
                .map(|&size| size.into())
                .collect();
            onnx = onnx.input(&named, element_type, &sizes);
            given.push((named.clone(), tensor));
        }
        names.push(if matches!(input, In::Nothing) {
            String::new()
        } else {
            named
        });
    }
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let made: Vec<String> = (0..outputs.len())
        .map(|index| format!("y{index}"))
        .collect();
    let made: Vec<&str> = made.iter().map(String::as_str).collect();
    onnx = onnx.node(operator, &inputs, &made, attributes);
    for (name, element_type) in made.iter().zip(outputs) {
        if *element_type != 0 {
            onnx = onnx.output(name, *element_type);
        }
    }
    Case {
        name: name.to_owned(),
        model: onnx,
        inputs: given,
        is_preparation: false,
    }
}
