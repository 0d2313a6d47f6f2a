//! The module `wasi_ephemeral_nn`, by which core modules reach inference: its functions, numbers and
//! records, as crate `wasi-nn` 0.6 and headers for C have them. What comes of a call is decided in
//! [`nn`](super).
//!
//! Its ABI has no way to end a graph or a context: whoever has made one holds it until the run ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use meterbox_inference::{ElementType, InputShape, RANK_MAX, Tensor};
use wasmtime::{Caller, Extern, Linker, Result, format_err};

use super::{Encoding, Target};
use crate::host::{Host, wide};
use crate::host_calls::{WASI_NN, weight};
use crate::models::{NnCode, OpenModel, Tensors};
use crate::tally::HostEnd;

/// Error codes, by their numbers in the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
enum Errno {
    InvalidArgument = 1,
    InvalidEncoding = 2,
    MissingMemory = 3,
    RuntimeError = 5,
    UnsupportedOperation = 6,
    TooLarge = 7,
    NotFound = 8,
}

impl From<NnCode> for Errno {
    fn from(code: NnCode) -> Errno {
        match code {
            NnCode::InvalidArgument => Errno::InvalidArgument,
            NnCode::InvalidEncoding => Errno::InvalidEncoding,
            NnCode::RuntimeError => Errno::RuntimeError,
            NnCode::UnsupportedOperation => Errno::UnsupportedOperation,
            NnCode::TooLarge => Errno::TooLarge,
            NnCode::NotFound => Errno::NotFound,
        }
    }
}

/// What a call came to: an error code, or an end of the run.
type Answer<T = ()> = std::result::Result<T, Stop>;

enum Stop {
    Errno(Errno),
    End(HostEnd),
}

impl From<NnCode> for Stop {
    fn from(code: NnCode) -> Stop {
        Stop::Errno(code.into())
    }
}

impl From<HostEnd> for Stop {
    fn from(end: HostEnd) -> Stop {
        Stop::End(end)
    }
}

const INVALID: Stop = Stop::Errno(Errno::InvalidArgument);

/// All graphs and contexts of a run, by their numbers. They have one table, so that none can be taken for
/// one of the other kind.
#[derive(Default)]
pub(crate) struct Handles(Vec<Kept>);

enum Kept {
    Graph(Arc<dyn OpenModel>),
    Context(Context),
}

/// A model with the tensors that it is given, by the index of the input. They stay for further calls.
struct Context {
    model: Arc<dyn OpenModel>,
    inputs: BTreeMap<usize, Tensor>,
    /// Of the last call, if it succeeded.
    outputs: Tensors,
}

impl Handles {
    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        wide(self.0.len())
    }

    fn graph(&self, handle: u32) -> Answer<&Arc<dyn OpenModel>> {
        match self.0.get(handle as usize) {
            Some(Kept::Graph(model)) => Ok(model),
            _ => Err(INVALID),
        }
    }

    fn context(&mut self, handle: u32) -> Answer<&mut Context> {
        match self.0.get_mut(handle as usize) {
            Some(Kept::Context(context)) => Ok(context),
            _ => Err(INVALID),
        }
    }
}

/// Links one function, charged by its weight before it acts. A function without a price cannot be linked.
macro_rules! function {
    ($linker:ident, $name:literal, |$caller:ident $(, $arg:ident)*| $act:expr) => {
        let price = weight(WASI_NN, $name)
            .ok_or_else(|| format_err!("the function {} has no price", $name))?;
        $linker.func_wrap(WASI_NN, $name, move |mut $caller: Caller<'_, Host> $(, $arg: u32)*| -> Result<i32> {
            $caller.data_mut().begin_call(price)?;
            answered(|| $act)
        })?;
    };
}

/// Links the module. Addresses, lengths and handles are passed as i32, and read as unsigned.
pub(crate) fn link(linker: &mut Linker<Host>) -> Result<()> {
    function!(linker, "load", |caller,
                               parts,
                               count,
                               encoding,
                               target,
                               to| {
        load(
            Guest::of(&mut caller)?,
            parts,
            count,
            encoding_of(encoding),
            target,
            to,
        )
    });
    function!(linker, "load_by_name", |caller, name, length, to| {
        load_by_name(Guest::of(&mut caller)?, name, length, to)
    });
    function!(linker, "init_execution_context", |caller, graph, to| {
        init_execution_context(Guest::of(&mut caller)?, graph, to)
    });
    function!(linker, "set_input", |caller, context, index, tensor| {
        set_input(Guest::of(&mut caller)?, context, index, tensor)
    });
    function!(linker, "compute", |caller, context| {
        compute(caller.data_mut(), context)
    });
    function!(
        linker,
        "get_output",
        |caller, context, index, at, max, to| {
            get_output(Guest::of(&mut caller)?, context, index, (at, max), to)
        }
    );
    Ok(())
}

/// What a call answers. What it does is a function of its own, so that `?` ends the call.
fn answered(act: impl FnOnce() -> Answer) -> Result<i32> {
    match act() {
        Ok(()) => Ok(0),
        Err(Stop::Errno(code)) => Ok(code as i32),
        Err(Stop::End(end)) => Err(end.into()),
    }
}

/// The guest's memory beside the host's state. The memory is asked for anew in each call: it may have grown.
struct Guest<'a> {
    memory: &'a mut [u8],
    host: &'a mut Host,
}

impl<'a> Guest<'a> {
    fn of(caller: &'a mut Caller<'_, Host>) -> Answer<Guest<'a>> {
        let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
            return Err(Stop::Errno(Errno::MissingMemory));
        };
        let (memory, host) = memory.data_and_store_mut(caller);
        Ok(Guest { memory, host })
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Answer {
        let length = u32::try_from(bytes.len()).map_err(|_| INVALID)?;
        let to = self.memory.get_mut(range(at, length)?).ok_or(INVALID)?;
        to.copy_from_slice(bytes);
        Ok(())
    }

    /// Takes a new handle, and writes it where the guest has room for it, as was seen before.
    fn give(&mut self, kept: Kept, to: u32) -> Answer {
        let taken = self.host.nn.handles.count();
        let left = (self.host.limits.handles).saturating_sub(self.host.descriptors.open_count());
        let handle = u32::try_from(taken).ok().filter(|_| taken < left);
        let handle = handle.ok_or(HostEnd::Limit("handles"))?;
        self.host.nn.handles.0.push(kept);
        self.write(to, &handle.to_le_bytes())
    }
}

fn range(at: u32, length: u32) -> Answer<std::ops::Range<usize>> {
    let start = at as usize;
    let end = start.checked_add(length as usize).ok_or(INVALID)?;
    Ok(start..end)
}

fn slice(memory: &[u8], at: u32, length: u32) -> Answer<&[u8]> {
    memory.get(range(at, length)?).ok_or(INVALID)
}

fn u32_at(memory: &[u8], at: u32) -> Answer<u32> {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(slice(memory, at, 4)?);
    Ok(u32::from_le_bytes(bytes))
}

/// An address and a length, as a list lies in a record.
fn list_at(memory: &[u8], at: u32) -> Answer<(u32, u32)> {
    let length_at = at.checked_add(4).ok_or(INVALID)?;
    Ok((u32_at(memory, at)?, u32_at(memory, length_at)?))
}

fn encoding_of(number: u32) -> Encoding {
    match number {
        1 => Encoding::Onnx,
        5 => Encoding::Autodetect,
        // `openvino`, `tensorflow`, `pytorch`, `tensorflowlite`, and what the ABI does not know.
        _ => Encoding::Other,
    }
}

fn target_of(number: u32) -> Answer<Target> {
    match number {
        0 => Ok(Target::Cpu),
        1 => Ok(Target::Gpu),
        2 => Ok(Target::Tpu),
        // Not in the ABI's own list, but in crate `wasi-nn`'s.
        3 => Ok(Target::Auto),
        _ => Err(INVALID),
    }
}

fn element_type_of(number: u8) -> Answer<ElementType> {
    match number {
        0 => Ok(ElementType::F16),
        1 => Ok(ElementType::F32),
        2 => Ok(ElementType::F64),
        3 => Ok(ElementType::U8),
        4 => Ok(ElementType::I32),
        5 => Ok(ElementType::I64),
        _ => Err(INVALID),
    }
}

fn load(
    mut guest: Guest<'_>,
    parts: u32,
    count: u32,
    encoding: Encoding,
    target: u32,
    to: u32,
) -> Answer {
    slice(guest.memory, to, 4)?;
    let target = target_of(target)?;
    // No encoding that is taken has more parts, so that no more are looked at, however many are said to be there.
    let part = match count {
        1 => {
            let (at, length) = list_at(guest.memory, parts)?;
            Some(slice(guest.memory, at, length)?)
        }
        _ => None,
    };
    let host = &mut *guest.host;
    host.bytes_out(part.map_or(0, <[u8]>::len))?;
    let model = super::load(host, part, encoding, target)??;
    guest.give(Kept::Graph(model), to)
}

fn load_by_name(mut guest: Guest<'_>, name: u32, length: u32, to: u32) -> Answer {
    slice(guest.memory, to, 4)?;
    let name = slice(guest.memory, name, length)?;
    guest.host.bytes_out(name.len())?;
    let name = std::str::from_utf8(name).map_err(|_| INVALID)?;
    let model = super::load_by_name(guest.host, name)??;
    guest.give(Kept::Graph(model), to)
}

fn init_execution_context(mut guest: Guest<'_>, graph: u32, to: u32) -> Answer {
    slice(guest.memory, to, 4)?;
    let model = Arc::clone(guest.host.nn.handles.graph(graph)?);
    let context = Context {
        model,
        inputs: BTreeMap::new(),
        outputs: Tensors::new(),
    };
    guest.give(Kept::Context(context), to)
}

/// Where the fields of a tensor's record are.
const DIMENSIONS_AT: u32 = 0;
const TYPE_AT: u32 = 8;
const DATA_AT: u32 = 12;
const TENSOR_RECORD_BYTES: u32 = 20;

fn set_input(guest: Guest<'_>, context: u32, index: u32, tensor: u32) -> Answer {
    let Guest { memory, host } = guest;
    let index = index as usize;
    let inputs = (host.nn.handles.context(context)?.model.facts().inputs).len();
    if index >= inputs {
        return Err(INVALID);
    }
    let record = slice(memory, tensor, TENSOR_RECORD_BYTES)?;
    let (dimensions_at, rank) = list_at(record, DIMENSIONS_AT)?;
    // A tag of one byte: what follows it is nobody's.
    let element_type = element_type_of(record[TYPE_AT as usize])?;
    let (data_at, data_bytes) = list_at(record, DATA_AT)?;
    if rank as usize > RANK_MAX {
        return Err(INVALID);
    }
    let dimensions: Vec<u32> = slice(memory, dimensions_at, rank * 4)?
        .as_chunks()
        .0
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes))
        .collect();
    let data = slice(memory, data_at, data_bytes)?;
    if !fits(&dimensions, element_type, data) {
        return Err(INVALID);
    }
    host.bytes_out(data.len().saturating_add(dimensions.len() * 4))?;
    if let Some(replaced) = host.nn.handles.context(context)?.inputs.remove(&index) {
        super::release(host, &replaced);
    }
    super::hold(host, dimensions.len(), data.len())?;
    let data = host.models.keep(data);
    let tensor = Tensor::new(dimensions, element_type, data).map_err(|_| INVALID)?;
    let context = host.nn.handles.context(context)?;
    context.inputs.insert(index, tensor);
    Ok(())
}

/// Whether this is all of a tensor's data, and no more. Seen before it is copied.
fn fits(dimensions: &[u32], element_type: ElementType, data: &[u8]) -> bool {
    let bytes = dimensions
        .iter()
        .try_fold(1_u64, |product, dimension| {
            product.checked_mul(u64::from(*dimension))
        })
        .and_then(|elements| element_type.bytes_of(elements));
    bytes == Some(wide(data.len()))
}

fn compute(host: &mut Host, handle: u32) -> Answer {
    let context = host.nn.handles.context(handle)?;
    let model = Arc::clone(&context.model);
    // The host's own while it computes, and back again whatever comes of it.
    let inputs = std::mem::take(&mut context.inputs);
    let gone = std::mem::take(&mut context.outputs);
    for (_, output) in &gone {
        super::release(host, output);
    }
    drop(gone);
    let computed = compute_on(host, &*model, &inputs);
    let context = host.nn.handles.context(handle)?;
    context.inputs = inputs;
    context.outputs = computed??;
    Ok(())
}

/// Computes on a copy: the inputs stay for further calls.
fn compute_on(
    host: &mut Host,
    model: &dyn OpenModel,
    inputs: &BTreeMap<usize, Tensor>,
) -> super::Answer<Tensors> {
    let names = &model.facts().inputs;
    super::charge_inputs(host, inputs.keys().map(|index| names[*index].as_str()))?;
    let shapes: Vec<InputShape<'_>> = inputs
        .iter()
        .map(|(index, tensor)| InputShape {
            name: &names[*index],
            dimensions: tensor.dimensions(),
            element_type: tensor.element_type(),
        })
        .collect();
    let charged = match super::charge_call(host, model, &shapes)? {
        Ok(charged) => charged,
        Err(code) => return Ok(Err(code)),
    };
    let named = inputs
        .iter()
        .map(|(index, tensor)| (names[*index].clone(), tensor.clone()));
    let named = named.collect();
    super::compute(host, model, charged, named)
}

fn get_output(
    mut guest: Guest<'_>,
    context: u32,
    index: u32,
    (at, max): (u32, u32),
    to: u32,
) -> Answer {
    slice(guest.memory, to, 4)?;
    slice(guest.memory, at, max)?;
    let outputs = &guest.host.nn.handles.context(context)?.outputs;
    let bytes = match outputs.get(index as usize) {
        Some((_, tensor)) => tensor.data().len(),
        None => return Err(INVALID),
    };
    if bytes > max as usize {
        return Err(NnCode::TooLarge.into());
    }
    let written = u32::try_from(bytes).map_err(|_| NnCode::TooLarge)?;
    guest.host.bytes_in(bytes)?;
    let outputs = &guest.host.nn.handles.context(context)?.outputs;
    let (_, tensor) = outputs.get(index as usize).ok_or(INVALID)?;
    guest.memory[range(at, written)?].copy_from_slice(tensor.data());
    guest.write(to, &written.to_le_bytes())
}
