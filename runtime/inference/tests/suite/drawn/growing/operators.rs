//! Owns which operators a drawn model may have, and what shapes they give.

use super::{Maker, Value};
use crate::build::{int, ints, text};

impl Maker {
    /// What computes each element by itself.
    pub fn elementwise(&mut self, x: &Value) {
        let name = x.name.as_str();
        let sizes = x.sizes.clone();
        match self.chance.below(10) {
            0..=2 => {
                let operators = [
                    "Abs",
                    "Elu",
                    "Erf",
                    "HardSigmoid",
                    "HardSwish",
                    "Identity",
                    "LeakyRelu",
                    "Neg",
                    "Relu",
                    "Sigmoid",
                    "Softplus",
                    "Tanh",
                ];
                let operator = *self.chance.of(&operators);
                self.add(operator, &[name], sizes, vec![]);
            }
            3..=5 => {
                // With a constant that fits, or is repeated along some axes, on either side.
                let repeated: Vec<u32> = (x.sizes.iter())
                    .map(|&size| if self.chance.below(2) == 0 { size } else { 1 })
                    .collect();
                let skipped = self.chance.below(x.sizes.len() + 1);
                let constant = self.constant(&repeated[skipped..]);
                let operator = *self.chance.of(&["Add", "Mul", "Sub", "Max", "Min"]);
                let mut inputs = [name, constant.as_str()];
                if self.chance.below(2) == 0 {
                    inputs.reverse();
                }
                self.add(operator, &inputs, sizes, vec![]);
            }
            6 => {
                if let Some(other) = self.pick_like(|other| other.sizes == x.sizes) {
                    let operator = *self.chance.of(&["Add", "Mul", "Sub", "Max", "Min"]);
                    self.add(operator, &[name, &other.name], sizes, vec![]);
                }
            }
            7 => {
                // By what is at least a half.
                let constant = self.constant(&x.sizes[..0]);
                let half = self.between("HardSigmoid", &[&constant], vec![]);
                let far = self.between("Max", &[&half, "half"], vec![]);
                if self.chance.below(2) == 0 {
                    return self.add("Div", &[name, &far], sizes, vec![]);
                }
                let small = self.between("Sigmoid", &[name], vec![]);
                let divisor = self.between("Add", &[&small, "half"], vec![]);
                self.add("Div", &[&far, &divisor], sizes, vec![]);
            }
            8 => {
                let constant = self.constant(&[]);
                let test = self.between("Greater", &[name, &constant], vec![]);
                let other = self.pick_like(|other| other.sizes == x.sizes);
                let other = other.map_or(constant, |other| other.name);
                self.add("Where", &[&test, name, &other], sizes, vec![]);
            }
            _ => {
                let wide = self.between("Cast", &[name], vec![int("to", 11)]);
                let changed = self.between("Neg", &[&wide], vec![]);
                self.add("Cast", &[&changed], sizes, vec![int("to", 1)]);
            }
        }
    }

    /// What moves elements, or takes some of them.
    pub fn layout(&mut self, x: &Value) {
        let (name, rank) = (x.name.as_str(), x.sizes.len());
        let axis = self.chance.below(rank);
        let at = int("axis", i64::try_from(axis).unwrap());
        let mut sizes = x.sizes.clone();
        match self.chance.below(14) {
            0..=1 => {
                let mut order: Vec<usize> = (0..rank).collect();
                for at in (1..rank).rev() {
                    order.swap(at, self.chance.below(at + 1));
                }
                let sizes = order.iter().map(|&axis| x.sizes[axis]).collect();
                let order: Vec<i64> = order.iter().map(|&axis| axis.try_into().unwrap()).collect();
                self.add("Transpose", &[name], sizes, vec![ints("perm", &order)]);
            }
            2..=3 => {
                let mut left = x.count();
                let mut sizes = Vec::new();
                while left > 1 && sizes.len() < 3 {
                    let parts: Vec<u32> = (1..=left)
                        .filter(|&part| left.is_multiple_of(part))
                        .collect();
                    let part = *self.chance.of(&parts);
                    sizes.push(part);
                    left /= part;
                }
                sizes.push(left);
                let shape = self.shape(&sizes);
                self.add("Reshape", &[name, &shape], sizes, vec![]);
            }
            4 => {
                // To the shape of another, which the engine reads from it.
                if let Some(other) = self.pick_like(|other| other.count() == x.count()) {
                    let shape = self.between("Shape", &[&other.name], vec![]);
                    self.add("Reshape", &[name, &shape], other.sizes, vec![]);
                }
            }
            5 => {
                let axes = self.integers(&[at.i]);
                if rank < 5 && self.chance.below(2) == 0 {
                    sizes.insert(axis, 1);
                    self.add("Unsqueeze", &[name, &axes], sizes, vec![]);
                } else if sizes[axis] == 1 && rank > 1 {
                    sizes.remove(axis);
                    self.add("Squeeze", &[name, &axes], sizes, vec![]);
                }
            }
            6..=7 => self.slice(x, axis),
            8 => {
                let mut pads = vec![0; 2 * rank];
                let [before, after] = [3, 3].map(|bound| self.size(bound));
                pads[axis] = before.into();
                pads[rank + axis] = after.into();
                sizes[axis] += before + after;
                let pads = self.integers(&pads);
                self.add("Pad", &[name, &pads], sizes, vec![]);
            }
            9 => {
                let fits = |other: &Value| {
                    other.sizes.len() == rank
                        && (0..rank).all(|at| at == axis || other.sizes[at] == x.sizes[at])
                };
                if let Some(other) = self.pick_like(fits) {
                    sizes[axis] += other.sizes[axis];
                    self.add("Concat", &[name, &other.name], sizes, vec![at]);
                }
            }
            10 => {
                let count = 1 + self.chance.below(4);
                let indices: Vec<i64> = (0..count)
                    .map(|_| self.size(x.sizes[axis]).into())
                    .collect();
                let indices = self.integers(&indices);
                sizes[axis] = u32::try_from(count).unwrap();
                self.add("Gather", &[name, &indices], sizes, vec![at]);
            }
            11 => {
                let mut times: Vec<u32> = vec![1; rank];
                times[axis] += self.size(3);
                sizes[axis] *= times[axis];
                let times = self.shape(&times);
                self.add("Tile", &[name, &times], sizes, vec![]);
            }
            12 => {
                for size in sizes.iter_mut().filter(|size| **size == 1) {
                    *size = 1 + 2 * self.size(2);
                }
                if rank < 4 {
                    sizes.insert(0, 2);
                }
                let shape = self.shape(&sizes);
                self.add("Expand", &[name, &shape], sizes, vec![]);
            }
            _ if x.sizes[axis] >= 2 => {
                let first = 1 + self.size(x.sizes[axis] - 1);
                let both = [first, x.sizes[axis] - first];
                let parts = self.shape(&both);
                let names = both.map(|_| self.name());
                let outputs = [names[0].as_str(), names[1].as_str()];
                self.graph = std::mem::take(&mut self.graph).node(
                    "Split",
                    &[name, &parts],
                    &outputs,
                    vec![at],
                );
                for (name, size) in names.into_iter().zip(both) {
                    sizes[axis] = size;
                    let sizes = sizes.clone();
                    self.known.push(Value { name, sizes });
                }
            }
            _ => (),
        }
    }

    fn shape(&mut self, sizes: &[u32]) -> String {
        let shape: Vec<i64> = sizes.iter().map(|&size| size.into()).collect();
        self.integers(&shape)
    }

    /// Forwards and backwards, all of it or each second.
    fn slice(&mut self, x: &Value, axis: usize) {
        let begin = self.size(x.sizes[axis]);
        let end = begin + 1 + self.size(x.sizes[axis] - begin);
        let step = 1 + self.size(2);
        let mut sizes = x.sizes.clone();
        sizes[axis] = (end - begin).div_ceil(step);
        let [first, last, step] = [begin, end - 1, step].map(i64::from);
        let (begin, end, step) = match (self.chance.below(4), begin) {
            // To the first, and there is none before.
            (0, 0) => (last, i64::MIN, -step),
            (0, _) => (last, first - 1, -step),
            _ => (first, last + 1, step),
        };
        let axis = i64::try_from(axis).unwrap();
        let [begin, end, axes, step] =
            [begin, end, axis, step].map(|number| self.integers(&[number]));
        let inputs = [x.name.as_str(), &begin, &end, &axes, &step];
        self.add("Slice", &inputs, sizes, vec![]);
    }

    /// What puts elements together: sums, products, windows.
    pub fn reduction(&mut self, x: &Value) {
        let (name, rank) = (x.name.as_str(), x.sizes.len());
        let axis = self.chance.below(rank);
        let at = int("axis", i64::try_from(axis).unwrap());
        let mut sizes = x.sizes.clone();
        match self.chance.below(13) {
            0..=1 => {
                let columns = 1 + self.size(6);
                let inner = sizes[rank - 1];
                let constant = self.constant(&[inner, columns]);
                sizes[rank - 1] = columns;
                self.add("MatMul", &[name, &constant], sizes, vec![]);
            }
            2 if rank >= 2 => {
                let fits = |other: &Value| {
                    other.sizes.len() == rank
                        && other.sizes[..rank - 2] == x.sizes[..rank - 2]
                        && other.sizes[rank - 2] == x.sizes[rank - 1]
                };
                if let Some(other) = self.pick_like(fits) {
                    sizes[rank - 1] = other.sizes[rank - 1];
                    self.add("MatMul", &[name, &other.name], sizes, vec![]);
                }
            }
            3 if rank == 2 => {
                let columns = 1 + self.size(5);
                let turned = self.size(2);
                let inner = match turned {
                    0 => [sizes[1], columns],
                    _ => [columns, sizes[1]],
                };
                let (constant, bias) = (self.constant(&inner), self.constant(&[columns]));
                sizes[1] = columns;
                let attributes = vec![int("transB", turned.into())];
                self.add("Gemm", &[name, &constant, &bias], sizes, attributes);
            }
            4..=5 => {
                let keeps = self.chance.below(2) == 0 || rank == 1;
                if keeps {
                    sizes[axis] = 1;
                } else {
                    sizes.remove(axis);
                }
                let keep = int("keepdims", i64::from(keeps));
                let operators = [
                    "ReduceSum",
                    "ReduceMean",
                    "ReduceMax",
                    "ReduceMin",
                    "ReduceL2",
                ];
                let operator = *self.chance.of(&operators);
                if operator == "ReduceSum" {
                    let axes = self.integers(&[at.i]);
                    return self.add(operator, &[name, &axes], sizes, vec![keep]);
                }
                self.add(operator, &[name], sizes, vec![ints("axes", &[at.i]), keep]);
            }
            6 => {
                let operator = *self.chance.of(&["Softmax", "LogSoftmax"]);
                self.add(operator, &[name], sizes, vec![at]);
            }
            7 if rank >= 2 => {
                let [scale, bias] = [0; 2].map(|_| self.constant(&x.sizes[rank - 1..]));
                // Of large values that are nearly the same, rounding would decide.
                let near = self.between("Tanh", &[name], vec![]);
                self.add("LayerNormalization", &[&near, &scale, &bias], sizes, vec![]);
            }
            8 if rank >= 2 => {
                let [scale, bias, mean] = [0; 3].map(|_| self.constant(&x.sizes[1..2]));
                let variance = self.between("Exp", &[&scale], vec![]);
                let inputs = [name, &scale, &bias, &mean, &variance];
                self.add("BatchNormalization", &inputs, sizes, vec![]);
            }
            9 if rank == 3 => {
                let (operator, gates) = *self.chance.of(&[("RNN", 1), ("GRU", 3), ("LSTM", 4)]);
                let hidden = 1 + self.size(3);
                let w = self.constant(&[1, gates * hidden, sizes[2]]);
                let r = self.constant(&[1, gates * hidden, hidden]);
                let sizes = vec![sizes[0], 1, sizes[1], hidden];
                let attributes = vec![int("hidden_size", hidden.into())];
                self.add(operator, &[name, &w, &r], sizes, attributes);
            }
            10 if rank == 4 && sizes[1].is_multiple_of(4) => {
                sizes = vec![sizes[0], sizes[1] / 4, sizes[2] * 2, sizes[3] * 2];
                let mode = *self.chance.of(&["DCR", "CRD"]);
                let attributes = vec![int("blocksize", 2), text("mode", mode)];
                self.add("DepthToSpace", &[name], sizes, attributes);
            }
            10 if rank == 2 => {
                let other = 1 + self.size(4);
                let constant = self.constant(&[other, sizes[1]]);
                let equation = text("equation", "ij,kj->ki");
                let sizes = vec![other, sizes[0]];
                self.add("Einsum", &[name, &constant], sizes, vec![equation]);
            }
            11 if rank >= 3 => self.pool(x),
            _ if rank >= 3 => self.convolution(x),
            _ => (),
        }
    }

    /// Windows with and without strides, padding, groups and spread.
    fn convolution(&mut self, x: &Value) {
        let depthwise = self.chance.below(3) == 0;
        let outputs = match depthwise {
            true => x.sizes[1],
            false => 1 + self.size(3),
        };
        let mut kernel = vec![outputs, if depthwise { 1 } else { x.sizes[1] }];
        let mut sizes = vec![x.sizes[0], outputs];
        let (mut strides, mut pads, mut spreads) = (Vec::new(), Vec::new(), Vec::new());
        for &size in &x.sizes[2..] {
            let [length, stride, pad, spread] = [3, 2, 2, 2].map(|bound| self.size(bound));
            let (length, stride, spread) = (length + 1, stride + 1, spread + 1);
            let (length, spread) = match size + 2 * pad > (length - 1) * spread {
                true => (length, spread),
                false => (1, 1),
            };
            kernel.push(length);
            sizes.push((size + 2 * pad - (length - 1) * spread - 1) / stride + 1);
            strides.push(i64::from(stride));
            pads.push(i64::from(pad));
            spreads.push(i64::from(spread));
        }
        pads.extend(pads.clone());
        let kernel = self.constant(&kernel);
        let mut inputs = vec![x.name.clone(), kernel];
        if self.chance.below(2) == 0 {
            inputs.push(self.constant(&[outputs]));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let group = if depthwise { x.sizes[1] } else { 1 };
        let attributes = vec![
            ints("strides", &strides),
            ints("pads", &pads),
            ints("dilations", &spreads),
            int("group", group.into()),
        ];
        self.add("Conv", &inputs, sizes, attributes);
    }

    fn pool(&mut self, x: &Value) {
        let operator = *self
            .chance
            .of(&["MaxPool", "AveragePool", "GlobalAveragePool"]);
        let mut sizes = x.sizes.clone();
        if operator == "GlobalAveragePool" {
            sizes[2..].fill(1);
            return self.add(operator, &[&x.name], sizes, vec![]);
        }
        let (mut kernel, mut strides, mut pads) = (Vec::new(), Vec::new(), Vec::new());
        for size in &mut sizes[2..] {
            let length = (1 + self.size(2)).min(*size);
            let stride = 1 + self.size(2);
            // Less than the window, which else would be outside.
            let pad = self.size(length);
            *size = (*size + 2 * pad - length) / stride + 1;
            kernel.push(i64::from(length));
            strides.push(i64::from(stride));
            pads.push(i64::from(pad));
        }
        pads.extend(pads.clone());
        let attributes = vec![
            ints("kernel_shape", &kernel),
            ints("strides", &strides),
            ints("pads", &pads),
        ];
        self.add(operator, &[&x.name], sizes, attributes);
    }
}
