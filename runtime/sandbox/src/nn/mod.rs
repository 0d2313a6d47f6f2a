//! Inference as a job has it, by whichever ABI it asks: models are the job's inputs, by name, or bytes that
//! the guest brings. Each call is charged from the model and the actual shapes before anything is computed,
//! and recorded afterwards. Never computes itself, and knows no ABI: these are in [`component`] and [`witx`].
//!
//! A guest sees error codes; what a backend has to say stays here.

pub(crate) mod component;
pub(crate) mod witx;

use std::collections::HashMap;
use std::sync::Arc;

use meterbox_inference::{
    Cost, ElementType, InputShape, Operations, PREPARATION_OPERATIONS_PER_BYTE, Tensor,
};
use sha2::{Digest, Sha256};

use crate::host::{Host, wide};
use crate::models::exchange::CALL_BYTES_MAX;
use crate::models::{
    Computation, Denied, Device, NnCode, OpenModel, Source, Tensors, tensor_digest,
};
use crate::outcome::InferenceCall;
use crate::tally::HostEnd;

/// Weighted units of host calls for each tensor that goes into a call of a model or comes out of it: it is
/// looked up, digested and recorded.
pub const TENSOR_UNITS: u64 = 1_500;

/// Bytes that a held tensor counts beside its data and dimensions: what keeping one takes, whatever its
/// size.
pub(crate) const TENSOR_KEEPING_BYTES: u64 = 128;

/// Models that a job may load, each time that it does: a host keeps what it needs to open one again.
const MODELS_MAX: u32 = 256;

/// Combinations of shapes of one model that are prepared at the same time, as engines keep them.
const SHAPES_MAX: usize = 8;

/// Bytes of outputs that may stay in memory until the next call, though the guest has let go of them: little beside
/// what a job's limits are.
const DIGESTED_LATER_MAX: u64 = 32 << 20;

/// What is done for a guest, or the code that it gets instead; or the end of its run.
type Answer<T> = Result<Result<T, NnCode>, HostEnd>;

/// What a run knows of its inferences, besides their counts.
#[derive(Default)]
pub(crate) struct State {
    /// For each model, the digests of the combinations of shapes that it was given last, the latest at the
    /// end.
    shapes: HashMap<[u8; 32], Vec<[u8; 32]>>,
    /// Models that were loaded, or refused while they were.
    opened: u32,
    /// Outputs of the call that was recorded last, whose digests are yet to be taken.
    undigested: Option<Tensors>,
    /// What a guest of the ABI for core modules holds.
    pub(crate) handles: witx::Handles,
}

/// How a model is written, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Onnx,
    Autodetect,
    Other,
}

/// What a model that the guest brings is to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Cpu,
    Gpu,
    Tpu,
    /// The one that the order names.
    Auto,
}

/// Loads a model from the only part of a graph that the guest brings, if there is only one.
fn load(
    host: &mut Host,
    part: Option<&[u8]>,
    encoding: Encoding,
    target: Target,
) -> Answer<Arc<dyn OpenModel>> {
    if encoding == Encoding::Other {
        return Ok(Err(NnCode::InvalidEncoding));
    }
    let device = match target {
        Target::Cpu => Device::Cpu,
        // Who runs a job knows before anything is spent whether it is for a GPU.
        Target::Gpu if host.job.device != Device::Gpu => {
            host.refused("a model is to be computed on a GPU, which the order does not name");
            return Ok(Err(NnCode::UnsupportedOperation));
        }
        Target::Gpu => Device::Gpu,
        Target::Auto => host.job.device,
        Target::Tpu => return Ok(Err(NnCode::UnsupportedOperation)),
    };
    let Some(bytes) = part else {
        return Ok(Err(NnCode::InvalidArgument));
    };
    let sha256 = charge_loading(host, wide(bytes.len()), || Sha256::digest(bytes).into())?;
    open(host, "(bytes)", &Source::Given { sha256, bytes }, device)
}

/// Loads the model that is the input of this name.
fn load_by_name(host: &mut Host, name: &str) -> Answer<Arc<dyn OpenModel>> {
    let Some(input) = host.input(name).cloned() else {
        return Ok(Err(NnCode::NotFound));
    };
    charge_loading(host, input.blob.size(), || input.sha256)?;
    open(host, name, &Source::Input(&input), host.job.device)
}

/// Opens a model whose bytes have been charged, and charges the rest of its preparation.
fn open(
    host: &mut Host,
    name: &str,
    source: &Source<'_>,
    device: Device,
) -> Answer<Arc<dyn OpenModel>> {
    if host.nn.opened >= MODELS_MAX {
        host.refused(&format!(
            "the model `{name}` is one more than the {MODELS_MAX} that a job may load"
        ));
        return Ok(Err(NnCode::TooLarge));
    }
    host.nn.opened += 1;
    let device = host.job.replay_device.unwrap_or(device);
    match Arc::clone(&host.models).open(source, device)? {
        Ok(model) => {
            let facts = model.facts();
            let of_bytes = facts
                .size_bytes
                .saturating_mul(PREPARATION_OPERATIONS_PER_BYTE);
            let rest = facts.preparation_units.saturating_sub(of_bytes);
            charge_operations(host, facts.sha256, rest)?;
            Ok(Ok(model))
        }
        Err(denied) => {
            host.refused(&format!(
                "the model `{name}` was refused: {}",
                denied.reason
            ));
            Ok(Err(denied.code))
        }
    }
}

/// Charges a model's bytes, before they are looked at: what is refused has been looked at, too. Returns its digest.
fn charge_loading(
    host: &mut Host,
    bytes: u64,
    sha256: impl FnOnce() -> [u8; 32],
) -> Result<[u8; 32], HostEnd> {
    let sha256 = host.tally.model(bytes, &host.limits, sha256)?;
    let operations = bytes.saturating_mul(PREPARATION_OPERATIONS_PER_BYTE);
    charge_operations(host, sha256, operations)?;
    Ok(sha256)
}

/// Charges operations of preparing the model of this digest, whether or not it was at hand.
fn charge_operations(host: &mut Host, sha256: [u8; 32], operations: u64) -> Result<(), HostEnd> {
    let operations = Operations {
        f32: operations,
        ..Operations::default()
    };
    let cost = Cost {
        operations,
        ..Cost::default()
    };
    host.tally.inference(sha256, &cost, &host.limits)
}

/// A call of a model that has been charged, and is yet to be computed.
struct Charged {
    cost: Cost,
    /// Bytes that its outputs are held to take.
    output_bytes: u64,
    /// What keeping them takes beside.
    keeping_bytes: u64,
}

impl Charged {
    fn held_bytes(&self) -> u64 {
        self.output_bytes.saturating_add(self.keeping_bytes)
    }
}

/// Charges what is given to a model: each tensor, and the bytes of its name, which is recorded.
fn charge_inputs<'n>(
    host: &mut Host,
    names: impl ExactSizeIterator<Item = &'n str>,
) -> Result<(), HostEnd> {
    charge_tensors(host, names.len())?;
    for name in names {
        host.bytes_out(name.len())?;
    }
    Ok(())
}

fn charge_tensors(host: &mut Host, count: usize) -> Result<(), HostEnd> {
    let units = wide(count).saturating_mul(TENSOR_UNITS);
    host.tally.call(units, &host.limits)
}

/// Charges all that a call on inputs of these shapes will come to, its outputs among it. The inputs have been
/// charged.
fn charge_call(
    host: &mut Host,
    model: &dyn OpenModel,
    shapes: &[InputShape<'_>],
) -> Answer<Charged> {
    let facts = model.facts();
    if let Some((output, element_type)) = &facts.unpassable {
        // What could not be handed over is not computed either.
        let reason =
            format!("output `{output}` is of {element_type}, which `wasi:nn` has no name for");
        let code = NnCode::UnsupportedOperation;
        return Ok(Err(failed(host, &Denied { code, reason })));
    }
    let is_known = |shape: &InputShape<'_>| facts.inputs.iter().any(|name| name == shape.name);
    if shapes.len() > facts.inputs.len() || !shapes.iter().all(is_known) {
        return Ok(Err(NnCode::InvalidArgument));
    }
    let cost = match model.cost(shapes)? {
        Ok(cost) => cost,
        Err(denied) => {
            // The whole graph may have been gone through for nothing.
            charge_operations(host, facts.sha256, facts.preparation_units)?;
            return Ok(Err(failed(host, &denied)));
        }
    };
    if cost.tensor_bytes > CALL_BYTES_MAX {
        let bytes = cost.tensor_bytes;
        let reason =
            format!("its inputs and outputs have {bytes} bytes, at most {CALL_BYTES_MAX} pass");
        let code = NnCode::TooLarge;
        return Ok(Err(failed(host, &Denied { code, reason })));
    }
    charge_tensors(host, facts.outputs.len())?;
    for name in &facts.outputs {
        host.bytes_in(name.len())?;
    }
    // A backend prepares the model again for each further combination of input shapes.
    if host.nn.is_new_shape(facts.sha256, shapes) {
        charge_operations(host, facts.sha256, facts.preparation_units)?;
    }
    host.tally.inference(facts.sha256, &cost, &host.limits)?;
    let given = shapes.iter().map(data_bytes).fold(0, u64::saturating_add);
    let keeping = wide(facts.outputs.len()).saturating_mul(TENSOR_KEEPING_BYTES);
    let charged = Charged {
        cost,
        output_bytes: cost.tensor_bytes.saturating_sub(given),
        keeping_bytes: keeping,
    };
    host.tally
        .hold_tensors(charged.held_bytes(), &host.limits)?;
    Ok(Ok(charged))
}

/// Computes a call that has been charged, and records it. The outputs are held.
fn compute(
    host: &mut Host,
    model: &dyn OpenModel,
    charged: Charged,
    inputs: Tensors,
) -> Answer<Tensors> {
    let mut input_digests = Vec::new();
    let before = host.nn.undigested.take();
    let mut digests_before = None;
    let computed = model.compute(Computation {
        inputs,
        output_bytes: charged.output_bytes,
        meanwhile: &mut |inputs| {
            input_digests = digests(inputs);
            digests_before = before.as_ref().map(digests);
        },
    });
    // Another thing than a call on a model may have ended the run before.
    let digests_before = digests_before.or_else(|| before.as_ref().map(digests));
    record_digests(&mut host.transcript, digests_before);
    let computed = computed?;
    host.tally.release_tensors(charged.held_bytes());
    let later = computed.as_ref().is_ok_and(is_digested_later);
    let output_digests = match &computed {
        Ok(outputs) if !later => digests(outputs),
        _ => Vec::new(),
    };
    // What a call gave steers the guest, a failure as well.
    host.transcript.push(InferenceCall {
        model: model.facts().sha256,
        inputs: input_digests,
        outputs: output_digests,
        failed: computed.as_ref().err().map(|denied| denied.code),
        cost: charged.cost,
    });
    host.nn.undigested = computed.as_ref().ok().filter(|_| later).cloned();
    let outputs = match computed {
        Ok(outputs) => outputs,
        Err(denied) => return Ok(Err(failed(host, &denied))),
    };
    for (_, tensor) in &outputs {
        hold(host, tensor.dimensions().len(), tensor.data().len())?;
    }
    Ok(Ok(outputs))
}

/// Whether the digests of these outputs are taken while the next call is computed, or at the run's end: time in
/// which this process has nothing else to do. They stay in memory until then.
fn is_digested_later(outputs: &Tensors) -> bool {
    let bytes = outputs.iter().map(|(_, tensor)| wide(tensor.data().len()));
    bytes.fold(0, u64::saturating_add) <= DIGESTED_LATER_MAX
}

/// Takes the digests that are yet to be taken, when a run is over.
pub(crate) fn finish(host: &mut Host) {
    let digests = host.nn.undigested.take().as_ref().map(digests);
    record_digests(&mut host.transcript, digests);
}

fn record_digests(transcript: &mut [InferenceCall], digests: Option<Vec<(String, [u8; 32])>>) {
    if let (Some(call), Some(digests)) = (transcript.last_mut(), digests) {
        call.outputs = digests;
    }
}

/// Counts a tensor that the host keeps for its guest.
fn hold(host: &mut Host, rank: usize, data_bytes: usize) -> Result<(), HostEnd> {
    host.tally
        .hold_tensors(held_bytes(rank, data_bytes), &host.limits)
}

/// No longer counts a tensor that the host has kept until now.
fn release(host: &mut Host, tensor: &Tensor) {
    let bytes = held_bytes(tensor.dimensions().len(), tensor.data().len());
    host.tally.release_tensors(bytes);
}

/// What a tensor counts while the host keeps it.
fn held_bytes(rank: usize, data_bytes: usize) -> u64 {
    wide(rank)
        .saturating_mul(4)
        .saturating_add(wide(data_bytes))
        .saturating_add(TENSOR_KEEPING_BYTES)
}

fn data_bytes(shape: &InputShape<'_>) -> u64 {
    let dimensions = shape.dimensions.iter();
    let elements = dimensions.fold(1_u64, |product, dimension| {
        product.saturating_mul(u64::from(*dimension))
    });
    shape.element_type.bytes_of(elements).unwrap_or(u64::MAX)
}

/// What a guest learns of a failed inference. What a backend says goes to the observer only.
fn failed(host: &Host, denied: &Denied) -> NnCode {
    host.refused(&format!("an inference failed: {}", denied.reason));
    denied.code
}

impl State {
    /// Whether a model has to be prepared for inputs of these types and shapes: it was not run with them,
    /// or with so many others since that an engine has forgotten it. Loading has paid for the first.
    fn is_new_shape(&mut self, model: [u8; 32], inputs: &[InputShape<'_>]) -> bool {
        let seen = self.shapes.entry(model).or_default();
        let is_first = seen.is_empty();
        let digest = shapes_digest(inputs);
        let known = seen.iter().position(|one| *one == digest);
        match known {
            Some(at) => {
                seen.remove(at);
            }
            None if seen.len() >= SHAPES_MAX => {
                seen.remove(0);
            }
            None => {}
        }
        seen.push(digest);
        known.is_none() && !is_first
    }
}

/// A digest of names, types and dimensions, whatever their order.
fn shapes_digest(inputs: &[InputShape<'_>]) -> [u8; 32] {
    let mut sorted: Vec<_> = inputs.iter().collect();
    sorted.sort_by_key(|input| input.name);
    let mut hasher = Sha256::new();
    for input in sorted {
        hasher.update(wide(input.name.len()).to_le_bytes());
        hasher.update(input.name);
        digest_shape(&mut hasher, input.element_type, input.dimensions);
    }
    hasher.finalize().into()
}

fn digests(tensors: &Tensors) -> Vec<(String, [u8; 32])> {
    tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor_digest(tensor)))
        .collect()
}

fn digest_shape(hasher: &mut Sha256, element_type: ElementType, dimensions: &[u32]) {
    hasher.update(element_type.name().as_bytes());
    hasher.update(wide(dimensions.len()).to_le_bytes());
    for dimension in dimensions {
        hasher.update(dimension.to_le_bytes());
    }
}
