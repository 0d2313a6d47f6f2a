//! Owns how a model of one node is changed by chance. Most changes make none that is valid; whoever changes one
//! asks for its cost before it is run.

use meterbox_inference::ElementType;
use tract_onnx::pb::AttributeProto;

use crate::case::{Chance, F16, F64, FLOAT, I8, I32, I64, In, Recipe, U8};

/// Sizes in which engines differ: of no vector, of one and a bit, of a cache and more.
const SIZES: [u32; 16] = [
    1, 1, 2, 3, 4, 5, 8, 9, 16, 31, 64, 127, 512, 1_000, 4_096, 65_536,
];

/// A word that attributes of ONNX's operators have.
const WORDS: [&str; 16] = [
    "nearest",
    "linear",
    "cubic",
    "bilinear",
    "bicubic",
    "zeros",
    "border",
    "reflection",
    "constant",
    "reflect",
    "edge",
    "wrap",
    "add",
    "mul",
    "max",
    "SAME_UPPER",
];

/// Changes one thing.
pub fn mutate(recipe: &mut Recipe, chance: &mut Chance) {
    match chance.below(12) {
        0..=2 => everywhere(recipe, chance),
        3 | 4 => exchange(recipe, chance),
        5 => one_size(recipe, chance),
        6 => one_dimension(recipe, chance),
        7 => element_type(recipe, chance),
        8 | 9 => attribute(recipe, chance),
        10 => values(recipe, chance),
        _ => constant(recipe, chance),
    }
}

fn size(chance: &mut Chance) -> u32 {
    *pick(&SIZES, chance).unwrap()
}

fn pick<'a, T>(all: &'a [T], chance: &mut Chance) -> Option<&'a T> {
    all.get(usize::try_from(chance.below(u32::try_from(all.len()).unwrap())).unwrap())
}

fn pick_mut<'a, T>(all: &'a mut [T], chance: &mut Chance) -> Option<&'a mut T> {
    let at = chance.below(u32::try_from(all.len()).unwrap());
    all.get_mut(usize::try_from(at).unwrap())
}

/// The dimensions of what a call gives.
fn dimensions(input: &mut In) -> Option<&mut Vec<u32>> {
    match input {
        In::F(dimensions)
        | In::Subnormal(dimensions)
        | In::T(_, dimensions, _)
        | In::Counted(_, dimensions, _)
        | In::Ones(_, dimensions) => Some(dimensions),
        _ => None,
    }
}

/// All sizes of what a call gives.
fn sizes(recipe: &mut Recipe) -> Vec<u32> {
    let inputs = recipe.inputs.iter_mut().filter_map(dimensions);
    inputs.flat_map(|dimensions| dimensions.clone()).collect()
}

/// Puts one number in the place of another wherever it stands, so that what belongs together stays so.
fn replace(recipe: &mut Recipe, from: u32, to: u32) {
    let (from_wide, to_wide) = (i64::from(from), i64::from(to));
    let wide = |values: &mut Vec<i64>| {
        let found = values.iter_mut().filter(|value| **value == from_wide);
        found.for_each(|value| *value = to_wide);
    };
    for input in &mut recipe.inputs {
        if let Some(dimensions) = dimensions(input) {
            let found = dimensions.iter_mut().filter(|size| **size == from);
            found.for_each(|size| *size = to);
        }
        match input {
            In::T(_, _, below) | In::Counted(_, _, below) if *below == from => *below = to.max(1),
            In::Numbers(values) | In::Weights(values) => wide(values),
            In::Number(value) if *value == from_wide => *value = to_wide,
            _ => {}
        }
    }
    for attribute in &mut recipe.attributes {
        wide(&mut attribute.ints);
        if attribute.i == from_wide && from > 1 {
            attribute.i = to_wide;
        }
    }
}

fn everywhere(recipe: &mut Recipe, chance: &mut Chance) {
    if let Some(&from) = pick(&sizes(recipe), chance) {
        replace(recipe, from, size(chance));
    }
}

/// Makes one size larger and another one smaller, by the same factor.
fn exchange(recipe: &mut Recipe, chance: &mut Chance) {
    let all = sizes(recipe);
    let (Some(&larger), Some(&smaller)) = (pick(&all, chance), pick(&all, chance)) else {
        return;
    };
    let factor = smaller.min(1 << chance.below(11)).max(1);
    let by = smaller / factor;
    if let Some(product) = larger.checked_mul(factor) {
        replace(recipe, larger, product);
        replace(recipe, smaller, by.max(1));
    }
}

fn one_size(recipe: &mut Recipe, chance: &mut Chance) {
    let new = size(chance);
    let input = pick_mut(&mut recipe.inputs, chance);
    if let Some(dimension) = input
        .and_then(dimensions)
        .and_then(|dimensions| pick_mut(dimensions, chance))
    {
        *dimension = new;
    }
}

/// Takes a dimension away, adds one, or puts two of them in the other order.
fn one_dimension(recipe: &mut Recipe, chance: &mut Chance) {
    let Some(dimensions) = pick_mut(&mut recipe.inputs, chance).and_then(dimensions) else {
        return;
    };
    let count = u32::try_from(dimensions.len()).unwrap();
    let at = usize::try_from(chance.below(count + 1)).unwrap();
    match chance.below(3) {
        0 if at < dimensions.len() => drop(dimensions.remove(at)),
        1 => dimensions.insert(at, size(chance)),
        _ if count > 1 => {
            let other = usize::try_from(chance.below(count)).unwrap();
            let last = dimensions.len() - 1;
            dimensions.swap(at.min(last), other);
        }
        _ => {}
    }
}

/// Puts another type in the place of one, in inputs and outputs.
fn element_type(recipe: &mut Recipe, chance: &mut Chance) {
    // A whole number that is divided by nothing ends the process.
    let types: &[i32] = match recipe.operator.as_str() {
        "Div" | "Mod" => &[FLOAT, F16, F64],
        _ => &[FLOAT, F16, F64, U8, I8, I32, I64],
    };
    let to = *pick(types, chance).unwrap();
    let given: Vec<i32> = recipe
        .inputs
        .iter()
        .filter_map(|input| Some(input.given()?.0))
        .collect();
    let Some(&from) = pick(&given, chance) else {
        return;
    };
    for input in &mut recipe.inputs {
        match input {
            In::F(dimensions) if from == FLOAT => *input = In::T(to, dimensions.clone(), 9),
            In::T(known, ..) | In::Counted(known, ..) | In::Ones(known, _) if *known == from => {
                *known = to;
            }
            In::Weights(dimensions) if from == FLOAT && to != FLOAT => {
                let count: i64 = dimensions.iter().product();
                let known = ElementType::from_onnx(to).unwrap();
                if let Some(bytes) = u64::try_from(count)
                    .ok()
                    .and_then(|count| known.bytes_of(count))
                {
                    let bytes = usize::try_from(bytes).unwrap();
                    *input = In::Zeros(to, dimensions.clone(), bytes);
                }
            }
            _ => {}
        }
    }
    for output in &mut recipe.outputs {
        if *output == from {
            *output = to;
        }
    }
}

fn attribute(recipe: &mut Recipe, chance: &mut Chance) {
    let count = recipe.attributes.len();
    let Some(attribute) = pick_mut(&mut recipe.attributes, chance) else {
        return;
    };
    let AttributeProto { i, ints, s, .. } = attribute;
    if !s.is_empty() {
        *s = pick(&WORDS, chance).unwrap().as_bytes().to_vec();
    } else if let Some(value) = pick_mut(ints, chance) {
        *value = match chance.below(3) {
            0 => i64::from(size(chance)),
            1 => value.saturating_add(1),
            _ => value.saturating_sub(1),
        };
    } else {
        *i = match chance.below(3) {
            0 => i64::from(chance.below(5)) - 1,
            1 => i64::from(size(chance)),
            _ => 1 - *i,
        };
    }
    // Rarely one is left out.
    if chance.below(8) == 0 {
        let at = usize::try_from(chance.below(u32::try_from(count).unwrap())).unwrap();
        recipe.attributes.remove(at);
    }
}

/// Other values of the same shapes.
fn values(recipe: &mut Recipe, chance: &mut Chance) {
    let Some(input) = pick_mut(&mut recipe.inputs, chance) else {
        return;
    };
    match input {
        In::T(element_type, dimensions, below) => {
            *input = match chance.below(3) {
                0 => In::T(*element_type, dimensions.clone(), 1),
                1 => In::Counted(*element_type, dimensions.clone(), *below),
                _ => In::Ones(*element_type, dimensions.clone()),
            };
        }
        In::Numbers(values) => {
            if let Some(value) = pick_mut(values, chance) {
                *value = match chance.below(3) {
                    0 => i64::from(size(chance)),
                    1 => value.saturating_sub(1),
                    _ => value.saturating_add(1),
                };
            }
        }
        In::F(dimensions) if chance.below(4) == 0 => *input = In::Subnormal(dimensions.clone()),
        _ => {}
    }
}

/// Makes a constant of what a call gives, or the other way round, or leaves it out.
fn constant(recipe: &mut Recipe, chance: &mut Chance) {
    let leaves_out = chance.below(4) == 0;
    let Some(input) = pick_mut(&mut recipe.inputs, chance) else {
        return;
    };
    let wide = |dimensions: &[u32]| dimensions.iter().map(|&size| size.into()).collect();
    let narrow = |dimensions: &[i64]| -> Option<Vec<u32>> {
        dimensions
            .iter()
            .map(|&size| u32::try_from(size).ok())
            .collect()
    };
    *input = match input {
        _ if leaves_out => In::Nothing,
        In::F(dimensions) => In::Weights(wide(dimensions)),
        In::Weights(dimensions) => match narrow(dimensions) {
            Some(dimensions) => In::F(dimensions),
            None => return,
        },
        _ => return,
    };
}
