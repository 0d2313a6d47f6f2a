//! Small ONNX models, byte by byte: of one operator each. Never reads one.

/// An element type, by its number in ONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Type {
    /// `float`
    F32 = 1,
    /// `uint8`
    U8 = 2,
    /// `int32`
    I32 = 6,
    /// `int64`
    I64 = 7,
    /// `float16`
    F16 = 10,
    /// `double`
    F64 = 11,
}

/// `z` is the sum of `x` and `y`, which have `N` elements.
#[must_use]
pub fn sum(of: Type) -> Vec<u8> {
    of_two("Add", of)
}

/// `y` is the negative of `x`, which has `N` elements.
#[must_use]
pub fn negative(of: Type) -> Vec<u8> {
    let ports = [
        bytes(11, &port("x", of, Some(Dimension::Any))),
        bytes(12, &port("y", of, Some(Dimension::Any))),
    ];
    model(&[node("Neg", &["x"], "y"), ports.concat()].concat())
}

/// `y` is `x`, which has `N` elements.
#[must_use]
pub fn same(of: Type) -> Vec<u8> {
    let ports = [
        bytes(11, &port("x", of, Some(Dimension::Any))),
        bytes(12, &port("y", of, Some(Dimension::Any))),
    ];
    model(&[node("Identity", &["x"], "y"), ports.concat()].concat())
}

/// `z` is `x` divided by `y`, which have `N` elements.
#[must_use]
pub fn quotient(of: Type) -> Vec<u8> {
    of_two("Div", of)
}

fn of_two(operator: &str, of: Type) -> Vec<u8> {
    let ports = [
        bytes(11, &port("x", of, Some(Dimension::Any))),
        bytes(11, &port("y", of, Some(Dimension::Any))),
        bytes(12, &port("z", of, Some(Dimension::Any))),
    ];
    model(&[node(operator, &["x", "y"], "z"), ports.concat()].concat())
}

/// `y` has `count` times the one element of `x`, an `f32`.
#[must_use]
pub fn repeated(count: u32) -> Vec<u8> {
    let shape = [
        number(1, 1),
        number(2, Type::I64 as u64),
        bytes(8, b"shape"),
        bytes(9, &u64::from(count).to_le_bytes()),
    ];
    let parts = [
        node("Expand", &["x", "shape"], "y"),
        bytes(5, &shape.concat()),
        bytes(11, &port("x", Type::F32, Some(Dimension::Is(1)))),
        bytes(12, &port("y", Type::F32, None)),
    ];
    model(&parts.concat())
}

/// `output` are the determinants of the square matrices of `x`, an `f32`. ONNX Runtime computes them; tract reads the
/// model, and finds at the first call that it cannot.
#[must_use]
pub fn determinants(output: &str) -> Vec<u8> {
    let parts = [
        node("Det", &["x"], output),
        bytes(11, &port("x", Type::F32, None)),
        bytes(12, &port(output, Type::F32, None)),
    ];
    model(&parts.concat())
}

enum Dimension {
    Any,
    Is(u64),
}

fn model(graph: &[u8]) -> Vec<u8> {
    let named = [graph, &bytes(2, b"one")].concat();
    [number(1, 8), bytes(7, &named), bytes(8, &number(2, 17))].concat()
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut node = Vec::new();
    for input in inputs {
        node.extend(bytes(1, input.as_bytes()));
    }
    node.extend(bytes(2, output.as_bytes()));
    node.extend(bytes(4, operator.as_bytes()));
    bytes(1, &node)
}

fn port(name: &str, of: Type, dimension: Option<Dimension>) -> Vec<u8> {
    let shape = dimension.map(|dimension| {
        let dimension = match dimension {
            Dimension::Any => bytes(2, b"N"),
            Dimension::Is(size) => number(1, size),
        };
        bytes(2, &bytes(1, &dimension))
    });
    let tensor = [number(1, of as u64), shape.unwrap_or_default()].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

/// A field that holds a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field that holds bytes, or a message.
fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
    let mut all = [varint((field << 3) | 2), varint(length)].concat();
    all.extend(value);
    all
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            all.push(low);
            return all;
        }
        all.push(low | 0x80);
    }
}
