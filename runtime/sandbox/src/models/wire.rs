//! What is asked of a process that keeps models, and what it answers. Tensors are not in it: they lie in an
//! [`Exchange`], and what is here says where.

use meterbox_inference::{Cost, ElementType, InputShape, Operations, Tensor};
use serde::{Deserialize, Serialize};

use super::exchange::{CALL_BYTES_MAX, EXCHANGE_BYTES, Exchange, Layout};
use super::{Denied, Device, ModelFacts, Tensors};

/// Bytes of a reason that travel: more than a person reads.
const REASON_BYTES_MAX: usize = 4 << 10;

/// The element types that pass between a guest and a model, by the number that stands for each.
pub(super) const TYPES: [ElementType; 7] = [
    ElementType::F16,
    ElementType::F32,
    ElementType::F64,
    ElementType::Bf16,
    ElementType::U8,
    ElementType::I32,
    ElementType::I64,
];

/// Where the bytes of a model to open are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// In the input of this number.
    Input(u32),
    /// At the beginning of the exchange: the guest brought them itself.
    Exchange { bytes: u64 },
}

/// What a run asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// For the run's first memory, in which it hands over models that it brings; it comes along with the answer.
    Exchange,
    /// To open a model, which has the next number from then on.
    Open {
        content: Content,
        sha256: [u8; 32],
        device: Device,
    },
    /// What a call on the model of this number costs.
    Cost { model: u32, shapes: Vec<ShapePart> },
    /// To compute with tensors that lie in the model's exchange.
    Compute { model: u32, inputs: Vec<TensorPart> },
}

/// What it is answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answered {
    Exchange,
    Opened(Result<Opened, Denied>),
    Costs(Result<[u64; 7], Denied>),
    /// The outputs, which lie in the model's exchange.
    Computed(Result<Vec<TensorPart>, Denied>),
    /// The model's device is not there. For who compares calls alone: a run ends by it.
    NoDevice,
    /// The engine cannot run the model. For who compares calls alone, too.
    Unable(String),
    /// The run is to stop.
    Stopped(crate::stop::Stopper),
}

/// A model that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) facts: ModelFacts,
    /// The number of the memory in which its tensors are handed over. It comes along with the answer if it is new,
    /// and then has the next number: the first memory has 0.
    pub(crate) exchange: u32,
}

/// A shape, by the name of an input.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ShapePart {
    name: String,
    dimensions: Vec<u32>,
    element_type: u8,
}

/// A tensor, by its name, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TensorPart {
    shape: ShapePart,
    at: u64,
}

impl ShapePart {
    pub(crate) fn of(shape: &InputShape<'_>) -> ShapePart {
        ShapePart {
            name: shape.name.to_string(),
            dimensions: shape.dimensions.to_vec(),
            element_type: number(shape.element_type),
        }
    }

    pub(crate) fn shape(&self) -> Option<InputShape<'_>> {
        Some(InputShape {
            name: &self.name,
            dimensions: &self.dimensions,
            element_type: element_type(self.element_type)?,
        })
    }
}

fn number(element_type: ElementType) -> u8 {
    let at = TYPES.iter().position(|one| *one == element_type);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn element_type(number: u8) -> Option<ElementType> {
    TYPES.get(usize::from(number)).copied()
}

/// Puts tensors into the exchange, from its beginning on: whoever was handed others has copied them. None
/// if they do not fit.
pub(crate) fn put(exchange: &Exchange, tensors: &Tensors) -> Option<Vec<TensorPart>> {
    let mut layout = Layout::default();
    tensors
        .iter()
        .map(|(name, tensor)| {
            let at = layout.next(crate::host::wide(tensor.data().len()));
            exchange.write(at, tensor.data()).ok()?;
            let shape = ShapePart::of(&InputShape {
                name,
                dimensions: tensor.dimensions(),
                element_type: tensor.element_type(),
            });
            Some(TensorPart { shape, at })
        })
        .collect()
}

impl TensorPart {
    fn element_type(&self) -> Option<ElementType> {
        element_type(self.shape.element_type)
    }

    /// Bytes that it has; none if it cannot be a tensor.
    fn bytes(&self) -> Option<u64> {
        Tensor::bytes_of(&self.shape.dimensions, self.element_type()?).ok()
    }
}

/// Where tensors end that lie one behind the other as [`put`] lays them out; none if they do not.
pub(crate) fn end_of(parts: &[TensorPart]) -> Option<u64> {
    let mut layout = Layout::default();
    for part in parts {
        let bytes = part.bytes().filter(|&bytes| bytes <= CALL_BYTES_MAX)?;
        if part.at != layout.next(bytes) {
            return None;
        }
    }
    Some(layout.end()).filter(|&end| end <= EXCHANGE_BYTES)
}

/// Takes tensors out of the exchange. None if they are none, or lie elsewhere.
pub(crate) fn take(exchange: &Exchange, parts: Vec<TensorPart>) -> Option<Tensors> {
    end_of(&parts)?;
    let take = |part: TensorPart| {
        let data = exchange.read(part.at, part.bytes()?).ok()?;
        let element_type = part.element_type()?;
        let tensor = Tensor::new(part.shape.dimensions, element_type, data).ok()?;
        Some((part.shape.name, tensor))
    };
    parts.into_iter().map(take).collect()
}

pub(crate) fn cost_part(cost: &Cost) -> [u64; 7] {
    let Operations {
        f64,
        f32,
        f16,
        i8,
        i4,
    } = cost.operations;
    [f64, f32, f16, i8, i4, cost.weight_bytes, cost.tensor_bytes]
}

pub(crate) fn cost_of([f64, f32, f16, i8, i4, weight_bytes, tensor_bytes]: [u64; 7]) -> Cost {
    Cost {
        operations: Operations {
            f64,
            f32,
            f16,
            i8,
            i4,
        },
        weight_bytes,
        tensor_bytes,
    }
}

/// A refusal that is short enough to travel.
pub(crate) fn short(mut denied: Denied) -> Denied {
    denied.reason = short_text(denied.reason);
    denied
}

/// A reason that is short enough to travel.
pub(crate) fn short_text(mut reason: String) -> String {
    let at = reason.floor_char_boundary(REASON_BYTES_MAX);
    reason.truncate(at);
    reason
}
