//! Owns how models are drawn by chance. Knows no engine.

mod operators;

use tract_onnx::pb;

use crate::build::{F32, Onnx, int, within};

const BOOL: i32 = 9;
const ELEMENTS_MAX: u32 = 2_048;

/// Numbers that are the same each time.
pub struct Chance(pub u64);

impl Chance {
    /// A number below this one.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % bound.max(1)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Between -1 and 1, in 64ths.
    pub fn float(&mut self) -> f32 {
        f32::from(i16::try_from(self.below(129)).unwrap() - 64) / 64.0
    }
}

#[derive(Clone, Debug)]
struct Value {
    name: String,
    sizes: Vec<u32>,
}

impl Value {
    fn count(&self) -> u32 {
        self.sizes.iter().product()
    }
}

/// A graph of f32 values that grows node by node.
struct Maker {
    chance: Chance,
    graph: Onnx,
    known: Vec<Value>,
    named: usize,
    depth: usize,
}

impl Maker {
    fn name(&mut self) -> String {
        self.named += 1;
        format!("v{}_{}", self.depth, self.named)
    }

    fn constant(&mut self, sizes: &[u32]) -> String {
        let name = self.name();
        let count: u32 = sizes.iter().product();
        self.graph.graph.initializer.push(pb::TensorProto {
            name: name.clone(),
            dims: sizes.iter().map(|&size| size.into()).collect(),
            data_type: F32,
            float_data: (0..count).map(|_| self.chance.float()).collect(),
            ..Default::default()
        });
        name
    }

    fn integers(&mut self, values: &[i64]) -> String {
        let name = self.name();
        self.graph = std::mem::take(&mut self.graph).integers(&name, values);
        name
    }

    /// One of the values, more often one of the last.
    fn pick(&mut self) -> Value {
        let last = self.known.len().min(3);
        let from = match self.chance.below(3) {
            0 => 0,
            _ => self.known.len() - last,
        };
        let picked = self.chance.of(&self.known[from..]);
        picked.clone()
    }

    fn add(
        &mut self,
        operator: &str,
        inputs: &[&str],
        sizes: Vec<u32>,
        attributes: Vec<pb::AttributeProto>,
    ) {
        let name = self.name();
        self.graph = std::mem::take(&mut self.graph).node(operator, inputs, &[&name], attributes);
        self.known.push(Value { name, sizes });
    }

    /// A node that only the next ones read.
    fn between(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<pb::AttributeProto>,
    ) -> String {
        let name = self.name();
        self.graph = std::mem::take(&mut self.graph).node(operator, inputs, &[&name], attributes);
        name
    }

    /// A whole number below this one, as sizes are.
    fn size(&mut self, below: u32) -> u32 {
        u32::try_from(self.chance.below(below as usize)).unwrap()
    }

    /// One of the values that are so.
    fn pick_like(&mut self, is_so: impl Fn(&Value) -> bool) -> Option<Value> {
        let all: Vec<Value> = (self.known.iter())
            .filter(|value| is_so(value))
            .cloned()
            .collect();
        (!all.is_empty()).then(|| self.chance.of(&all).clone())
    }

    /// Adds a node that reads one of the values, if there is one that fits it.
    fn grow(&mut self) {
        let x = self.pick();
        match self.chance.below(20) {
            0..=5 => self.elementwise(&x),
            6..=12 => self.layout(&x),
            13..=18 => self.reduction(&x),
            _ if self.depth == 2 => (),
            _ if self.chance.below(2) == 0 => self.choice(),
            _ if x.sizes.len() >= 2 => self.steps(&x),
            _ => (),
        }
        let last = self.known.last();
        if last.is_some_and(|last| last.count() > ELEMENTS_MAX) {
            // It stays in the graph, and nobody reads it.
            self.known.pop();
        }
    }

    /// A graph of its own, that may read what is known here.
    fn inner(&mut self, known: Vec<Value>, nodes: usize) -> Maker {
        let mut inner = Maker {
            chance: Chance(self.chance.0 ^ 0x5555),
            graph: Onnx::new(),
            known,
            named: self.named + 1_000,
            depth: self.depth + 1,
        };
        self.chance.below(2);
        let before = inner.known.len();
        while inner.known.len() < before + nodes {
            inner.grow();
        }
        self.named = inner.named;
        inner
    }

    /// An If whose branches give values of the same shape.
    fn choice(&mut self) {
        let mut branches = Vec::new();
        let target = self.pick();
        for _ in 0..2 {
            let nodes = self.chance.below(4);
            let mut inner = self.inner(self.known.clone(), nodes);
            // The last that is of the shape, or a constant of it.
            let made = inner.known.split_off(self.known.len());
            let fitting = made.iter().rev().find(|value| value.sizes == target.sizes);
            let given = match fitting {
                Some(value) => value.name.clone(),
                None if inner.chance.below(2) == 0 => inner.constant(&target.sizes),
                None => {
                    inner.add("Neg", &[&target.name], target.sizes.clone(), vec![]);
                    inner.known.last().unwrap().name.clone()
                }
            };
            branches.push(inner.graph.output(&given, F32));
        }
        let [then, otherwise] = branches.try_into().ok().unwrap();
        let attributes = vec![
            within("then_branch", then),
            within("else_branch", otherwise),
        ];
        self.add("If", &["test"], target.sizes, attributes);
    }

    /// A Scan over the first axis, that carries a value or none.
    fn steps(&mut self, x: &Value) {
        let slice = Value {
            name: self.name(),
            sizes: x.sizes[1..].to_vec(),
        };
        let carried = (self.chance.below(2) == 0).then(|| Value {
            name: self.name(),
            sizes: slice.sizes.clone(),
        });
        let mut known = self.known.clone();
        let outer = known.len();
        known.push(slice.clone());
        known.extend(carried.clone());
        let nodes = 1 + self.chance.below(4);
        let mut inner = self.inner(known, nodes);
        let size = |value: &Value| {
            value
                .sizes
                .iter()
                .map(|&size| size.into())
                .collect::<Vec<i64>>()
        };
        let made = inner.known[outer..].last().unwrap().clone();
        let mut inputs = Vec::new();
        let mut body = Vec::new();
        if let Some(carried) = &carried {
            inner.add(
                "Add",
                &[&carried.name, &slice.name],
                slice.sizes.clone(),
                vec![],
            );
            body.push(inner.known.last().unwrap().name.clone());
            inputs.push(self.constant(&slice.sizes));
            inner.graph = inner.graph.input(&carried.name, F32, &size(carried));
        }
        inner.graph = inner.graph.input(&slice.name, F32, &size(&slice));
        // Nothing is given that comes from outside as it is, and the slice is read.
        let read = inner.between("ReduceSum", &[&slice.name], vec![int("keepdims", 0)]);
        inner.add("Max", &[&made.name, &read], made.sizes.clone(), vec![]);
        body.push(inner.known.last().unwrap().name.clone());
        let graph = body
            .iter()
            .fold(inner.graph, |graph, name| graph.output(name, F32));
        inputs.push(x.name.clone());
        let names: Vec<String> = body.iter().map(|_| self.name()).collect();
        let [inputs, outputs] =
            [&inputs, &names].map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
        let attributes = vec![within("body", graph), int("num_scan_inputs", 1)];
        self.graph = std::mem::take(&mut self.graph).node("Scan", &inputs, &outputs, attributes);
        if carried.is_some() {
            self.known.push(Value {
                name: names[0].clone(),
                sizes: slice.sizes,
            });
        }
        let mut sizes = vec![x.sizes[0]];
        sizes.extend(made.sizes);
        self.known.push(Value {
            name: names.last().unwrap().clone(),
            sizes,
        });
    }
}

/// The model with this number, and the shape of its input `x`.
pub fn drawn(number: u64) -> (Onnx, Vec<u32>) {
    let mut chance = Chance(number.wrapping_mul(0xa076_1d64_78bd_642f));
    let rank = 2 + chance.below(3);
    let sizes: Vec<u32> = (0..rank)
        .map(|_| 1 + u32::try_from(chance.below(5)).unwrap())
        .collect();
    let dimensions: Vec<i64> = sizes.iter().map(|&size| size.into()).collect();
    let mut maker = Maker {
        chance,
        graph: Onnx::new()
            .input("x", F32, &dimensions)
            .input("test", BOOL, &[1])
            .floats("half", &[0.5]),
        known: vec![Value {
            name: "x".to_owned(),
            sizes: sizes.clone(),
        }],
        named: 0,
        depth: 0,
    };
    let nodes = 3 + maker.chance.below(12);
    while maker.known.len() <= nodes {
        maker.grow();
    }
    let last = maker.known.last().unwrap().name.clone();
    let mut graph = maker.graph.output(&last, F32);
    let other = maker.known[1 + maker.chance.below(nodes)].name.clone();
    if other != last {
        graph = graph.output(&other, F32);
    }
    (graph, sizes)
}
