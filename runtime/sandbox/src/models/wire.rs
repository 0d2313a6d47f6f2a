//! What is asked of a process that keeps models, and what it answers. Tensors are not in it: they lie in an
//! [`Exchange`], and what is here says where.

use std::sync::Arc;

use bytes::Bytes;
use meterbox_inference::{Cost, ElementType, InputShape, Operations, Tensor};
use serde::{Deserialize, Serialize};

use super::exchange::{CALL_BYTES_MAX, Exchange, Layout, Room};
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
    /// Where calls pass in the first exchange: the guest brought them itself.
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
    /// To compute with tensors that lie in the model's exchange, and to put the outputs where there is room for them.
    Compute {
        model: u32,
        inputs: Vec<TensorPart>,
        room: Room,
    },
}

/// What it is answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answered {
    Exchange,
    Opened(Result<Opened, Denied>),
    Costs(Result<[u64; 7], Denied>),
    /// The outputs, which lie one behind the other in the room that was given.
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

/// Puts tensors into the exchange, one behind the other from the room's beginning on. None if they do not fit.
pub(crate) fn put(exchange: &Exchange, tensors: &Tensors, room: Room) -> Option<Vec<TensorPart>> {
    let end = room.end()?;
    let mut layout = Layout::from(room.at);
    tensors
        .iter()
        .map(|(name, tensor)| {
            let at = layout.next(crate::host::wide(tensor.data().len()));
            if layout.end() > end {
                return None;
            }
            exchange.write(at, tensor.data()).ok()?;
            Some(TensorPart::of(name, tensor, at))
        })
        .collect()
}

impl TensorPart {
    /// A tensor whose bytes are there.
    pub(crate) fn of(name: &str, tensor: &Tensor, at: u64) -> TensorPart {
        let shape = ShapePart::of(&InputShape {
            name,
            dimensions: tensor.dimensions(),
            element_type: tensor.element_type(),
        });
        TensorPart { shape, at }
    }

    fn element_type(&self) -> Option<ElementType> {
        element_type(self.shape.element_type)
    }

    /// Bytes that it has, if it is a tensor.
    pub(crate) fn bytes(&self) -> u64 {
        self.room().map_or(0, |room| room.bytes)
    }

    /// Where it lies; none if it cannot be a tensor, or lies nowhere.
    pub(crate) fn room(&self) -> Option<Room> {
        let bytes = Tensor::bytes_of(&self.shape.dimensions, self.element_type()?).ok()?;
        let room = Room { at: self.at, bytes };
        room.end().map(|_| room)
    }

    /// The tensor, which has these bytes. None if they are not its own.
    pub(crate) fn tensor(self, data: impl Into<Bytes>) -> Option<(String, Tensor)> {
        let element_type = self.element_type()?;
        let tensor = Tensor::new(self.shape.dimensions, element_type, data).ok()?;
        Some((self.shape.name, tensor))
    }
}

/// Where the last of these tensors ends; none if one lies nowhere, or if all are more than a call may have.
pub(crate) fn end_of(parts: &[TensorPart]) -> Option<u64> {
    let (mut all, mut end) = (0_u64, 0);
    for part in parts {
        let room = part.room()?;
        all = all.checked_add(room.bytes)?;
        end = room.end()?.max(end);
    }
    (all <= CALL_BYTES_MAX).then_some(end)
}

/// Where each of these tensors lies in the room, and where the last ends, if they lie one behind the other as [`put`]
/// lays them out.
pub(crate) fn laid_out(parts: &[TensorPart], room: Room) -> Option<(Vec<Room>, u64)> {
    let mut layout = Layout::from(room.at);
    let places = parts.iter().map(|part| {
        let place = part.room()?;
        (place.at == layout.next(place.bytes)).then_some(place)
    });
    let places = places.collect::<Option<Vec<_>>>()?;
    (layout.end() <= room.end()?).then_some((places, layout.end()))
}

/// Copies tensors out of the exchange. None if they are none, or lie elsewhere.
pub(crate) fn take(exchange: &Exchange, parts: Vec<TensorPart>) -> Option<Tensors> {
    let copied = |room: Room| exchange.read(room.at, room.bytes).ok();
    tensors(parts, copied)
}

/// Tensors where they lie in the exchange: the other side may write there at any time, so whoever has them copies them
/// and reads the copy. None if they are none, or lie elsewhere.
pub(crate) fn lend(exchange: &Arc<Exchange>, parts: Vec<TensorPart>) -> Option<Tensors> {
    tensors(parts, |room| Exchange::lend(exchange, room))
}

fn tensors<D: Into<Bytes>>(
    parts: Vec<TensorPart>,
    data: impl Fn(Room) -> Option<D>,
) -> Option<Tensors> {
    end_of(&parts)?;
    let tensor = |part: TensorPart| {
        let data = data(part.room()?)?;
        part.tensor(data)
    };
    parts.into_iter().map(tensor).collect()
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
