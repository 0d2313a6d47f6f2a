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
#[derive(Clone, Debug)]
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

/// A model of one node.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub operator: String,
    pub opset: i64,
    pub inputs: Vec<In>,
    pub attributes: Vec<AttributeProto>,
    /// The type of each output; 0 of one that the model does not give.
    pub outputs: Vec<i32>,
}

/// A model to be measured.
pub struct Case {
    /// The operator, and what is particular.
    pub name: String,
    /// What it is made by, if it has one node.
    pub recipe: Option<Recipe>,
    pub model: Onnx,
    pub inputs: Vec<(String, Tensor)>,
    /// What is measured is how long it takes to get ready.
    pub is_preparation: bool,
}

/// Numbers that no compiler foresees, the same each time.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

/// Adds the bytes of a whole number; of its rest by 2,048 or by 128, where the type holds no larger ones exactly.
fn encode(element_type: i32, number: u32, into: &mut Vec<u8>) {
    let number = match element_type {
        FLOAT | F64 | I32 | I64 => number,
        F16 => number % 2_048,
        _ => number % 128,
    };
    match element_type {
        FLOAT => into.extend((number as f32).to_le_bytes()),
        F64 => into.extend(f64::from(number).to_le_bytes()),
        // Its highest bit is the exponent, the others are the fraction.
        F16 if number == 0 => into.extend([0, 0]),
        F16 => {
            let exponent = number.ilog2();
            let fraction = (number << (10 - exponent)) & 0x3ff;
            let bits = ((exponent + 15) << 10) | fraction;
            into.extend(u16::try_from(bits).unwrap().to_le_bytes());
        }
        I64 => into.extend(u64::from(number).to_le_bytes()),
        I32 => into.extend(number.to_le_bytes()),
        _ => into.push(u8::try_from(number).unwrap()),
    }
}

fn filled(
    element_type: i32,
    dimensions: &[u32],
    mut element: impl FnMut(u32, &mut Vec<u8>),
) -> (i32, Tensor) {
    let mut data = Vec::new();
    for at in 0..dimensions.iter().product() {
        element(at, &mut data);
    }
    let known = ElementType::from_onnx(element_type).unwrap();
    let tensor = Tensor::new(dimensions.to_vec(), known, data).unwrap();
    (element_type, tensor)
}

impl In {
    /// The type's number in ONNX and the dimensions of what a call gives; none of what is a constant or left out.
    pub fn given(&self) -> Option<(i32, &[u32])> {
        match self {
            In::F(dimensions) | In::Subnormal(dimensions) => Some((FLOAT, dimensions)),
            In::T(element_type, dimensions, _)
            | In::Counted(element_type, dimensions, _)
            | In::Ones(element_type, dimensions) => Some((*element_type, dimensions)),
            _ => None,
        }
    }

    /// What a call gives, with the type's number in ONNX; none of what is a constant or left out.
    pub fn tensor(&self) -> Option<(i32, Tensor)> {
        let (number, dimensions) = self.given()?;
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        Some(match self {
            In::Subnormal(_) => filled(number, dimensions, |_, into| {
                into.extend((1 + chance.below(1 << 22)).to_le_bytes());
            }),
            In::T(_, _, below) => filled(number, dimensions, |_, into| {
                encode(number, chance.below(*below), into);
            }),
            In::Counted(_, _, below) => filled(number, dimensions, |at, into| {
                encode(number, at % below, into);
            }),
            In::Ones(..) => filled(number, dimensions, |_, into| encode(number, 1, into)),
            _ => filled(number, dimensions, |_, into| {
                let part = chance.below(1 << 16) as f32 / 65_536.0;
                into.extend((0.1 + 0.8 * part).to_le_bytes());
            }),
        })
    }
}

impl Recipe {
    /// The model. Its inputs are `x0` and so on, of which a call gives those that are no constants.
    pub fn model(&self) -> Onnx {
        self.chain(1)
    }

    /// The same of so many nodes, each of which has the one before for its first input.
    fn chain(&self, count: usize) -> Onnx {
        let mut onnx = Onnx::new().opset(self.opset);
        let mut names = Vec::new();
        for (index, input) in self.inputs.iter().enumerate() {
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
            if let Some((element_type, dimensions)) = input.given() {
                let sizes: Vec<i64> = dimensions.iter().map(|&size| size.into()).collect();
                onnx = onnx.input(&named, element_type, &sizes);
            }
            names.push(if matches!(input, In::Nothing) {
                String::new()
            } else {
                named
            });
        }
        let mut made: Vec<String> = Vec::new();
        for at in 0..count {
            if let (Some(first), Some(before)) = (names.first_mut(), made.first()) {
                first.clone_from(before);
            }
            let outputs = 0..self.outputs.len();
            made = outputs.map(|index| format!("y{at}_{index}")).collect();
            let [inputs, outputs] =
                [&names, &made].map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
            onnx = onnx.node(&self.operator, &inputs, &outputs, self.attributes.clone());
        }
        for (name, element_type) in made.iter().zip(&self.outputs) {
            if *element_type != 0 {
                onnx = onnx.output(name, *element_type);
            }
        }
        onnx
    }

    /// What a call gives.
    pub fn given(&self) -> Vec<(String, Tensor)> {
        let inputs = self.inputs.iter().enumerate();
        let given = inputs.filter_map(|(index, input)| {
            let (_, tensor) = input.tensor()?;
            Some((format!("x{index}"), tensor))
        });
        given.collect()
    }

    /// Many nodes, one after the other.
    pub fn many(&self, name: &str, count: usize) -> Case {
        Case {
            name: name.to_owned(),
            model: self.chain(count),
            inputs: self.given(),
            is_preparation: false,
            recipe: None,
        }
    }

    pub fn case(self, name: &str) -> Case {
        Case {
            name: name.to_owned(),
            model: self.model(),
            inputs: self.given(),
            is_preparation: false,
            recipe: Some(self),
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
    let recipe = Recipe {
        operator: name.split(' ').next().unwrap().to_owned(),
        opset,
        inputs: inputs.to_vec(),
        attributes,
        outputs: outputs.to_vec(),
    };
    recipe.case(name)
}
