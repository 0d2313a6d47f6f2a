//! The outside world of one run: what it was given, what it has left, its clock and its dice.
//! Never knows through which ABI the guest asks.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use wasmtime::component::{Resource, ResourceTable};

use crate::files::{FileError, Filed, Files, NodeId};
use crate::job::{Input, Job, LogLevel, Nobody, Observer, STDIN};
use crate::limiter::MemoryLimiter;
use crate::limits::Limits;
use crate::models::Models;
use crate::nn;
use crate::outcome::InferenceCall;
use crate::outputs::Output;
use crate::stop::Stop;
use crate::tally::{HostEnd, Tally};
use crate::wasi_0_1::Descriptors;

/// Nanoseconds by which each host call advances the virtual clock.
pub const VIRTUAL_NS_PER_CALL: u64 = 1_000;

/// At most this many bytes are delivered by one read.
pub(crate) const READ_BYTES_MAX: u64 = 1 << 20;

/// Weighted units of host calls for each name that is looked up, and each folder that is gone through,
/// to follow a path.
pub const PATH_STEP_UNITS: u64 = 100;

/// A list of words, and the bytes of all with the zero that ends each: put together once, since being
/// asked for their size must not cost their copy.
pub(crate) struct Words {
    pub(crate) each: Vec<String>,
    pub(crate) bytes: usize,
}

impl Words {
    fn of(each: Vec<String>) -> Words {
        let bytes = each.iter().map(|word| word.len().saturating_add(1)).sum();
        Words { each, bytes }
    }
}

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

pub(crate) struct Host {
    pub(crate) job: Arc<Job>,
    pub(crate) limits: Limits,
    pub(crate) tally: Tally,
    pub(crate) memory: MemoryLimiter,
    pub(crate) resources: ResourceTable,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) transcript: Vec<InferenceCall>,
    pub(crate) nn: nn::State,
    /// What the meter starts with: units, and stack units.
    pub(crate) budgets: [i64; 2],
    pub(crate) files: Files,
    pub(crate) descriptors: Descriptors,
    /// Arguments and environment, as WASI 0.1 gives them.
    pub(crate) words: Arc<[Words; 2]>,
    pub(crate) instantiate_time: Duration,
    stdin_offset: u64,
    stop: Stop,
    elapsed_ns: u64,
    dice: [ChaCha20Rng; 3],
}

impl Host {
    pub(crate) fn new(
        job: Arc<Job>,
        limits: Limits,
        models: Arc<dyn Models>,
        observer: Arc<dyn Observer>,
        budgets: [i64; 2],
        stop: Stop,
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
        let files = Files::new(
            &job.inputs,
            job.clock_start_ns,
            &limits,
            job.scratch.clone(),
        );
        let environment = job.environment.iter();
        let environment = environment.map(|(name, value)| format!("{name}={value}"));
        let environment = environment.collect();
        Host {
            files,
            descriptors: Descriptors::default(),
            words: Arc::new([Words::of(job.arguments_with_name()), Words::of(environment)]),
            instantiate_time: Duration::ZERO,
            job,
            limits,
            tally: Tally::default(),
            memory: MemoryLimiter::new(&limits),
            resources,
            observer,
            models,
            transcript: Vec::new(),
            nn: nn::State::default(),
            budgets,
            stdin_offset: 0,
            stop,
            elapsed_ns: 0,
            dice,
        }
    }

    /// A world without anything in it, for asking about what is linked.
    pub(crate) fn nowhere(models: Arc<dyn Models>) -> Host {
        let limits = Limits::NOTHING;
        let observer = Arc::new(Nobody);
        Host::new(
            Arc::default(),
            limits,
            models,
            observer,
            [0, 0],
            Stop::new(),
        )
    }

    /// Charges a host call by its weight, and lets its virtual time pass. Comes before the call acts.
    pub(crate) fn begin_call(&mut self, weight: u64) -> Result<(), HostEnd> {
        // A call that is not made is not charged.
        if let Some(by) = self.stop.requested() {
            return Err(HostEnd::Stopped(by));
        }
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

    /// Does something with paths that have this many bytes together: charged are their bytes, and the
    /// steps that it took to follow them.
    pub(crate) fn with_paths<T>(
        &mut self,
        bytes: usize,
        act: impl FnOnce(&mut Files) -> T,
    ) -> Result<T, HostEnd> {
        self.bytes_out(bytes)?;
        let left = self.limits.host_calls.saturating_sub(self.tally.host_calls);
        self.files.allow_steps(left / PATH_STEP_UNITS);
        let done = act(&mut self.files);
        let steps = self
            .files
            .take_steps()
            .ok_or(HostEnd::Limit("host_calls"))?;
        self.tally
            .call(steps.saturating_mul(PATH_STEP_UNITS), &self.limits)?;
        Ok(done)
    }

    /// Charges one name that is gone past.
    pub(crate) fn begin_step(&mut self) -> Result<(), HostEnd> {
        self.tally.call(PATH_STEP_UNITS, &self.limits)
    }

    /// The bytes of a file from `offset` on, charged before they are read.
    pub(crate) fn read_file(
        &mut self,
        file: NodeId,
        offset: u64,
        length: u64,
    ) -> Result<Filed<Vec<u8>>, HostEnd> {
        let length = match self
            .files
            .readable(file, offset, length.min(READ_BYTES_MAX))
        {
            Ok(length) => length,
            Err(error) => return Ok(Err(error)),
        };
        self.tally.bytes_in(length, &self.limits)?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.files.read(file, offset, &mut bytes)?;
        Ok(Ok(bytes))
    }

    /// Writes all of the bytes, or nothing. Charged are they, and the zeros between what was the end
    /// and the first of them.
    pub(crate) fn write_file(
        &mut self,
        file: NodeId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Filed<()>, HostEnd> {
        let Some(end) = offset.checked_add(wide(bytes.len())) else {
            return Ok(Err(FileError::TooLarge));
        };
        if bytes.is_empty() {
            return Ok(self.files.growth(file, 0).map(|_| ()));
        }
        let longer = match self.files.growth(file, end) {
            Ok(longer) => longer,
            Err(error) => return Ok(Err(error)),
        };
        let charged = wide(bytes.len()).max(longer);
        self.tally.bytes_out(charged, &self.limits)?;
        self.files.write(file, offset, bytes)?;
        Ok(Ok(()))
    }

    /// Cuts a file, or lets zeros follow it, which are charged.
    pub(crate) fn resize_file(&mut self, file: NodeId, bytes: u64) -> Result<Filed<()>, HostEnd> {
        let longer = match self.files.growth(file, bytes) {
            Ok(longer) => longer,
            Err(error) => return Ok(Err(error)),
        };
        self.tally.bytes_out(longer, &self.limits)?;
        self.files.resize(file, bytes)?;
        Ok(Ok(()))
    }

    /// Creates an output, and keeps it for a handle.
    pub(crate) fn create_output(
        &mut self,
        name: &str,
    ) -> Result<std::result::Result<NodeId, CreateError>, HostEnd> {
        let created = self.with_paths(name.len(), |files| {
            let output = files.create_output(name)?;
            files.keep(output).map(|()| output)
        })?;
        Ok(created.map_err(|error| match error {
            FileError::Exists | FileError::NotFolder => CreateError::AlreadyExists,
            FileError::NoSpace | FileError::Quota => CreateError::TooMany,
            _ => CreateError::InvalidName,
        }))
    }

    /// Charges and appends to an output. It has no way to say that there is no more room.
    pub(crate) fn append_output(&mut self, output: NodeId, bytes: &[u8]) -> Result<(), HostEnd> {
        let end = self.files.stat(output).map_or(0, |stat| stat.bytes);
        match self.write_file(output, end, bytes)? {
            Ok(()) => Ok(()),
            Err(FileError::Quota) => Err(HostEnd::Limit("file_bytes")),
            Err(error) => Err(HostEnd::Fault(format!("an output is no file: {error:?}"))),
        }
    }

    /// Tells the observer what the guest logs, in pieces that it can take.
    pub(crate) fn log(&self, level: LogLevel, message: &str) {
        for piece in pieces(message) {
            self.observer.log(level, piece);
        }
    }

    /// Tells the observer how far the guest is, in so many words.
    pub(crate) fn progress(&self, done: u64, total: u64, message: &str) {
        let message = pieces(message).next().unwrap_or_default();
        self.observer.progress(done, total, message);
    }

    /// Tells the observer what the host refused.
    pub(crate) fn refused(&self, reason: &str) {
        self.observer
            .refused(pieces(reason).next().unwrap_or_default());
    }

    /// Charges and appends to the standard output or error.
    pub(crate) fn write_stdio(&mut self, is_stderr: bool, bytes: &[u8]) -> Result<(), HostEnd> {
        self.bytes_out(bytes.len())?;
        self.files.write_stream(is_stderr, bytes)?;
        if bytes.is_empty() {
            // Nothing was said, though the stream is there now.
        } else if is_stderr {
            self.observer.stderr(bytes)
        } else {
            self.observer.stdout(bytes)
        }
        Ok(())
    }

    /// What the run leaves behind, sorted by name.
    pub(crate) fn take_outputs(&mut self) -> std::io::Result<Vec<Output>> {
        let nothing = Files::new(&[], 0, &Limits::NOTHING, None);
        let outputs = std::mem::replace(&mut self.files, nothing).into_outputs()?;
        Ok(outputs
            .into_iter()
            .map(|(name, sha256, content)| Output::new(name, sha256, content))
            .collect())
    }
}

/// Bytes of a message that an observer is told at once: more than a person reads.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// A message in pieces of whole characters; one that is empty is one piece.
fn pieces(message: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(message);
    std::iter::from_fn(move || {
        let text = rest?;
        let (piece, after) = text.split_at(text.floor_char_boundary(PIECE_BYTES_MAX));
        rest = (!after.is_empty()).then_some(after);
        Some(piece)
    })
}

pub(crate) fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
