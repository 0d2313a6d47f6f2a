//! The outside world of one run: what it was given, what it has left, its clock and its dice.
//! Never knows through which ABI the guest asks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use meterbox_inference::{ElementType, InputShape};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use wasmtime::component::{Resource, ResourceTable};

use crate::job::{Input, Job, Nobody, Observer, STDERR, STDIN, STDOUT};
use crate::limiter::MemoryLimiter;
use crate::limits::Limits;
use crate::models::ModelCache;
use crate::outcome::InferenceCall;
use crate::outputs::{Output, OutputWriter, is_valid_name};
use crate::tally::{HostEnd, Tally};

/// Nanoseconds by which each host call advances the virtual clock.
pub const VIRTUAL_NS_PER_CALL: u64 = 1_000;

/// At most this many bytes are delivered by one read.
pub(crate) const READ_BYTES_MAX: u64 = 1 << 20;

/// Which of the three independent streams of randomness.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dice {
    Secure = 0,
    Insecure = 1,
    InsecureSeed = 2,
}

/// Why an output cannot be created.
pub(crate) enum CreateError {
    InvalidName,
    AlreadyExists,
    TooMany,
}

/// Names, types and dimensions of one inference's inputs.
type Shapes = Vec<(String, ElementType, Vec<u32>)>;

pub(crate) struct Host {
    pub(crate) job: Arc<Job>,
    pub(crate) limits: Limits,
    pub(crate) tally: Tally,
    pub(crate) memory: MemoryLimiter,
    pub(crate) resources: ResourceTable,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) models: Arc<ModelCache>,
    pub(crate) transcript: Vec<InferenceCall>,
    /// What the meter starts with: units, and stack units.
    pub(crate) budgets: [i64; 2],
    pub(crate) stdin_offset: u64,
    pub(crate) closed: [bool; 3],
    shapes: HashMap<[u8; 32], HashSet<Shapes>>,
    elapsed_ns: u64,
    dice: [ChaCha20Rng; 3],
    outputs: Vec<OutputWriter>,
}

impl Host {
    pub(crate) fn new(
        job: Arc<Job>,
        limits: Limits,
        models: Arc<ModelCache>,
        observer: Arc<dyn Observer>,
        budgets: [i64; 2],
    ) -> Host {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        let seed: [u8; 32] = Sha256::new()
            .chain_update(b"meterbox random 0")
            .chain_update(job.seed.to_le_bytes())
            .finalize()
            .into();
        let dice = [0, 1, 2].map(|stream| {
            let mut dice = ChaCha20Rng::from_seed(seed);
            dice.set_stream(stream);
            dice
        });
        Host {
            job,
            limits,
            tally: Tally::default(),
            memory: MemoryLimiter::new(&limits),
            resources,
            observer,
            models,
            transcript: Vec::new(),
            budgets,
            stdin_offset: 0,
            closed: [false; 3],
            shapes: HashMap::new(),
            elapsed_ns: 0,
            dice,
            outputs: Vec::new(),
        }
    }

    /// A world without anything in it, for asking about what is linked.
    pub(crate) fn nowhere(models: Arc<ModelCache>) -> Host {
        let limits = Limits::default();
        Host::new(Arc::default(), limits, models, Arc::new(Nobody), [0, 0])
    }

    /// Charges a host call by its weight, and lets its virtual time pass. Comes before the call acts.
    pub(crate) fn begin_call(&mut self, weight: u64) -> Result<(), HostEnd> {
        self.tally.call(weight, &self.limits)?;
        self.elapsed_ns = self.elapsed_ns.saturating_add(VIRTUAL_NS_PER_CALL);
        Ok(())
    }

    pub(crate) fn bytes_in(&mut self, bytes: usize) -> Result<(), HostEnd> {
        self.tally.bytes_in(wide(bytes), &self.limits)
    }

    pub(crate) fn bytes_out(&mut self, bytes: usize) -> Result<(), HostEnd> {
        self.tally.bytes_out(wide(bytes), &self.limits)
    }

    /// Gives the guest a handle to a host resource. Too many open at once end the run.
    pub(crate) fn open<T: Send + 'static>(&mut self, value: T) -> Result<Resource<T>, HostEnd> {
        self.resources
            .push(value)
            .map_err(|_| HostEnd::Limit("handles"))
    }

    /// Nanoseconds since the run began, in virtual time.
    pub(crate) fn monotonic_ns(&self) -> u64 {
        self.elapsed_ns
    }

    /// Nanoseconds since 1970, in virtual time.
    pub(crate) fn wall_ns(&self) -> u64 {
        self.job.clock_start_ns.saturating_add(self.elapsed_ns)
    }

    /// Lets virtual time pass until the clock shows `deadline_ns`.
    pub(crate) fn sleep_until(&mut self, deadline_ns: u64) {
        self.elapsed_ns = self.elapsed_ns.max(deadline_ns);
    }

    pub(crate) fn random_u64(&mut self, which: Dice) -> u64 {
        self.dice_of(which).next_u64()
    }

    pub(crate) fn fill_random(&mut self, which: Dice, bytes: &mut [u8]) {
        self.dice_of(which).fill_bytes(bytes);
    }

    fn dice_of(&mut self, which: Dice) -> &mut ChaCha20Rng {
        let [secure, insecure, seed] = &mut self.dice;
        match which {
            Dice::Secure => secure,
            Dice::Insecure => insecure,
            Dice::InsecureSeed => seed,
        }
    }

    pub(crate) fn input(&self, name: &str) -> Option<&Input> {
        self.job.inputs.iter().find(|input| input.name == name)
    }

    /// The bytes of an input from `offset` on, charged before they are read.
    pub(crate) fn read_input(
        &mut self,
        input: &Input,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, HostEnd> {
        let length = length
            .min(READ_BYTES_MAX)
            .min(input.blob.size().saturating_sub(offset));
        self.tally.bytes_in(length, &self.limits)?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        input.blob.read_at(offset, &mut bytes).map_err(|error| {
            HostEnd::Fault(format!(
                "reading the input `{}` failed: {error}",
                input.name
            ))
        })?;
        Ok(bytes)
    }

    /// The next bytes of the standard input, at most `length`.
    pub(crate) fn read_stdin(&mut self, length: u64) -> Result<Vec<u8>, HostEnd> {
        let Some(input) = self.input(STDIN).cloned() else {
            return Ok(Vec::new());
        };
        let bytes = self.read_input(&input, self.stdin_offset, length)?;
        self.stdin_offset = self.stdin_offset.saturating_add(wide(bytes.len()));
        Ok(bytes)
    }

    /// Whether everything of the standard input has been read.
    pub(crate) fn stdin_at_end(&self) -> bool {
        self.input(STDIN)
            .is_none_or(|input| self.stdin_offset >= input.blob.size())
    }

    /// Whether this model has not yet been run with inputs of these types and shapes, other than
    /// once: loading has paid for the first.
    pub(crate) fn is_new_shape(&mut self, model: [u8; 32], inputs: &[InputShape<'_>]) -> bool {
        let mut shape: Vec<_> = inputs
            .iter()
            .map(|input| {
                (
                    input.name.to_string(),
                    input.element_type,
                    input.dimensions.to_vec(),
                )
            })
            .collect();
        shape.sort_by(|a, b| a.0.cmp(&b.0));
        let seen = self.shapes.entry(model).or_default();
        let is_first = seen.is_empty();
        seen.insert(shape) && !is_first
    }

    pub(crate) fn create_output(&mut self, name: String) -> Result<usize, CreateError> {
        if !is_valid_name(&name) {
            return Err(CreateError::InvalidName);
        }
        let is_stream = name == STDOUT || name == STDERR;
        // A name that is a folder of another could not be written beside it.
        let is_within = |one: &str, other: &str| {
            one.strip_prefix(other)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let clashes = |other: &OutputWriter| {
            other.name() == name || is_within(&name, other.name()) || is_within(other.name(), &name)
        };
        if is_stream || self.outputs.iter().any(clashes) {
            return Err(CreateError::AlreadyExists);
        }
        if wide(self.outputs.len()) >= self.limits.outputs {
            return Err(CreateError::TooMany);
        }
        self.outputs.push(OutputWriter::new(name));
        Ok(self.outputs.len() - 1)
    }

    /// Appends to an output what has been charged.
    pub(crate) fn write_output(&mut self, output: usize, bytes: &[u8]) -> Result<(), HostEnd> {
        let Some(output) = self.outputs.get_mut(output) else {
            return Err(HostEnd::Fault("an output is missing".into()));
        };
        output.write(bytes).map_err(|error| {
            HostEnd::Fault(format!(
                "writing the output `{}` failed: {error}",
                output.name()
            ))
        })
    }

    /// Charges and appends to the standard output or error.
    pub(crate) fn write_stdio(&mut self, is_stderr: bool, bytes: &[u8]) -> Result<(), HostEnd> {
        self.bytes_out(bytes.len())?;
        let name = if is_stderr { STDERR } else { STDOUT };
        let output = match self.outputs.iter().position(|output| output.name() == name) {
            Some(output) => output,
            None => {
                self.outputs.push(OutputWriter::new(name.into()));
                self.outputs.len() - 1
            }
        };
        self.write_output(output, bytes)?;
        if is_stderr {
            self.observer.stderr(bytes)
        } else {
            self.observer.stdout(bytes)
        }
        Ok(())
    }

    pub(crate) fn take_outputs(&mut self) -> Vec<Output> {
        let mut outputs: Vec<Output> = std::mem::take(&mut self.outputs)
            .into_iter()
            .map(OutputWriter::finish)
            .collect();
        outputs.sort_by(|a, b| a.name.cmp(&b.name));
        outputs
    }
}

pub(crate) fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
