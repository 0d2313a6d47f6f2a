//! What a run is given: arguments, environment, seed, clock, inputs. Never what it may use.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::models::{Calls, Device};

/// Bytes that can be read at any offset, from several runs at once.
pub trait Blob: Send + Sync {
    /// The size in bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset` on. The caller stays within the size.
    ///
    /// # Errors
    /// A failure of the host's storage, content that ends early among them.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// The open file that has these bytes and no others, if there is one: workers are handed it instead
    /// of a copy. It should be open for reading only.
    fn file(&self) -> Option<&File> {
        None
    }
}

impl Blob for Vec<u8> {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let start = usize::try_from(offset).map_err(|_| short())?;
        let end = start.checked_add(buffer.len()).ok_or_else(short)?;
        buffer.copy_from_slice(self.get(start..end).ok_or_else(short)?);
        Ok(())
    }
}

/// A file whose content does not change while it is used.
#[derive(Debug)]
pub struct FileBlob {
    file: File,
    size: u64,
}

impl FileBlob {
    /// Takes an open file as it is now.
    ///
    /// # Errors
    /// If the file's size cannot be read.
    pub fn new(file: File) -> io::Result<FileBlob> {
        let size = file.metadata()?.len();
        Ok(FileBlob { file, size })
    }
}

impl Blob for FileBlob {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

/// A named input.
#[derive(Clone)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// The sha256 of its content, which the caller has checked.
    pub sha256: [u8; 32],
    /// Its content.
    pub blob: Arc<dyn Blob>,
}

/// The input that a command reads as its standard input.
pub const STDIN: &str = "stdin";
/// The output that a command writes as its standard output.
pub const STDOUT: &str = "stdout";
/// The output that a command writes as its standard error.
pub const STDERR: &str = "stderr";

/// What a run is given.
#[derive(Clone, Default)]
pub struct Job {
    /// A command's arguments, its own name not among them.
    pub arguments: Vec<String>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// What all randomness comes from.
    pub seed: u64,
    /// What the wall clock shows at the start, in nanoseconds since 1970.
    pub clock_start_ns: u64,
    /// The inputs, with unique names.
    pub inputs: Vec<Input>,
    /// Who it is for: a worker never has jobs of two owners. The guest does not see it.
    pub owner: [u8; 32],
    /// Digests of models whose owners let others use them: jobs of several owners compute with one copy,
    /// in a process of its own. A job reaches only those that are among its inputs.
    pub public_models: BTreeSet<[u8; 32]>,
    /// What models compute on where the guest does not say. A guest that asks for a GPU has one only if this
    /// is one.
    pub device: Device,
    /// What all of them compute on all the same, where a job is run again to see what it gives: on a device that
    /// is there. No guest learns of it.
    pub replay_device: Option<Device>,
    /// Who sees its calls on models, and may answer them.
    pub calls: Option<Arc<dyn Calls>>,
    /// An empty file for what the job writes and memory does not hold; a temporary one if there is
    /// none.
    pub scratch: Option<Arc<File>>,
}

impl Job {
    /// The arguments as a program sees them: its own name, which is always `job`, comes first.
    pub(crate) fn arguments_with_name(&self) -> Vec<String> {
        std::iter::once("job".to_string())
            .chain(self.arguments.iter().cloned())
            .collect()
    }
}

/// How much a log message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Finest.
    Trace,
    /// For developers.
    Debug,
    /// For everybody.
    Info,
    /// Something may be wrong.
    Warn,
    /// Something is wrong.
    Error,
}

/// Sees what a guest says while it runs. Cannot answer: nothing flows back into the run.
pub trait Observer: Send + Sync {
    /// The guest logged a message.
    fn log(&self, _level: LogLevel, _message: &str) {}
    /// The guest said how far it is; a `total` of 0 means that it does not know.
    fn progress(&self, _done: u64, _total: u64, _message: &str) {}
    /// The host refused something, with a reason that the guest does not see.
    fn refused(&self, _reason: &str) {}
    /// The guest wrote to its standard output. As with all that is told here, nothing is billed for it yet:
    /// a job that is killed later is billed nothing that could be counted, so who serves strangers passes
    /// it on with the receipt.
    fn stdout(&self, _bytes: &[u8]) {}
    /// The guest wrote to its standard error.
    fn stderr(&self, _bytes: &[u8]) {}
}

/// Sees nothing.
pub struct Nobody;

impl Observer for Nobody {}
