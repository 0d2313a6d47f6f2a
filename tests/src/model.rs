//! A model as small as one can be, for tests that need to know what it gives.

/// A field of a message that is bytes: text, or another message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len())
        .ok()
        .filter(|length| *length < 0x80)
        .expect("a message of this model is short");
    let mut bytes = vec![number << 3 | 2, length];
    bytes.extend_from_slice(content);
    bytes
}

/// A field of a message that is a small number.
fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

/// The name, type and dimensions of an input or output: `f32[1]`.
fn port(name: &str) -> Vec<u8> {
    let dimension = field(1, &number(1, 1));
    let tensor = [number(1, 1), field(2, &dimension)].concat();
    let of_type = field(1, &tensor);
    [field(1, name.as_bytes()), field(2, &of_type)].concat()
}

/// An ONNX model of one node: `boxes` is the absolute value of `x`, both of them `f32[1]`.
#[must_use]
pub fn boxes_model() -> Vec<u8> {
    let node = [field(1, b"x"), field(2, b"boxes"), field(4, b"Abs")].concat();
    let graph = [
        field(1, &node),
        field(2, b"count"),
        field(11, &port("x")),
        field(12, &port("boxes")),
    ]
    .concat();
    let version = number(2, 17);
    [number(1, 8), field(7, &graph), field(8, &version)].concat()
}
