//! Models that tests need and nobody publishes, written as the bytes of ONNX. Runs none.

/// A message of protocol buffers, as far as ONNX needs it.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            self.0.push(low | if value > 0 { 0x80 } else { 0 });
            if value == 0 {
                return;
            }
        }
    }

    fn number(mut self, field: u64, value: u64) -> Message {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Message {
        self.varint(field << 3 | 2);
        self.varint(u64::try_from(bytes.len()).unwrap_or(0));
        self.0.extend(bytes);
        self
    }

    fn message(self, field: u64, message: &Message) -> Message {
        self.bytes(field, &message.0)
    }
}

/// A tensor of `f32` that a model declares.
fn declared(name: &str, dimensions: &[u64]) -> Message {
    let shape = dimensions.iter().fold(Message::default(), |shape, size| {
        shape.message(1, &Message::default().number(1, *size))
    });
    let tensor = Message::default().number(1, 1).message(2, &shape);
    let of_type = Message::default().message(1, &tensor);
    Message::default()
        .bytes(1, name.as_bytes())
        .message(2, &of_type)
}

/// A model that multiplies the matrix `x`, of `size` rows and columns, with itself and each result with it
/// again, so many times in all, and gives `y`. It takes `times · size³` multiply-accumulates.
///
/// # Panics
/// If it is to multiply no times.
#[must_use]
pub fn matrix_powers(size: u64, times: usize) -> Vec<u8> {
    assert!(times > 0, "a model without a node has no output");
    let value = |step: usize| match step {
        0 => "x".to_string(),
        _ if step == times => "y".to_string(),
        _ => format!("v{step}"),
    };
    let mut graph = Message::default().bytes(2, b"powers");
    for step in 0..times {
        let node = Message::default()
            .bytes(1, value(step).as_bytes())
            .bytes(1, b"x")
            .bytes(2, value(step + 1).as_bytes())
            .bytes(4, b"MatMul");
        graph = graph.message(1, &node);
    }
    let graph = graph
        .message(11, &declared("x", &[size, size]))
        .message(12, &declared("y", &[size, size]));
    model(&graph)
}

/// A model of one node, from `x` to an output of the same dimensions.
fn one_node(operator: &str, output: &str, dimensions: &[u64]) -> Vec<u8> {
    let node = Message::default()
        .bytes(1, b"x")
        .bytes(2, output.as_bytes())
        .bytes(4, operator.as_bytes());
    let graph = Message::default()
        .message(1, &node)
        .bytes(2, b"one node")
        .message(11, &declared("x", dimensions))
        .message(12, &declared(output, dimensions));
    model(&graph)
}

/// A model of one node: `boxes` is the absolute value of `x`, both of them `f32[1]`.
#[must_use]
pub fn boxes_model() -> Vec<u8> {
    one_node("Abs", "boxes", &[1])
}

/// A model of one node: `y` is `x` without what is below zero, both of them `f32` of these dimensions.
#[must_use]
pub fn relu(dimensions: &[u64]) -> Vec<u8> {
    one_node("Relu", "y", dimensions)
}

/// The file of a graph.
fn model(graph: &Message) -> Vec<u8> {
    let opset = Message::default().number(2, 13);
    Message::default()
        .number(1, 8)
        .message(7, graph)
        .message(8, &opset)
        .0
}

/// A tensor of `f32` as the guest `run_model` reads it.
#[must_use]
pub fn tensor(dimensions: &[u64], elements: &[f32]) -> Vec<u8> {
    let sizes: Vec<String> = dimensions.iter().map(u64::to_string).collect();
    let mut bytes = format!("f32 {}\n", sizes.join(" ")).into_bytes();
    bytes.extend(elements.iter().flat_map(|element| element.to_le_bytes()));
    bytes
}
