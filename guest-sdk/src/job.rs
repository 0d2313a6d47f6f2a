//! The job as its author sees it: the way to inputs, outputs, arguments and progress.

use crate::bindings::meterbox::job::{inputs, progress};
use crate::{Input, Output, Result};

/// The name of the output by which a slice hands over to the next, and of the input by which that takes it.
const CHECKPOINT: &str = "checkpoint";

/// The running job. `#[meterbox_guest::job]` hands it to the job's function; there is no other.
#[derive(Debug)]
pub struct Job {
    _only_here: (),
}

impl Job {
    pub(crate) fn new() -> Self {
        Self { _only_here: () }
    }

    /// The names of all inputs, sorted by their bytes.
    pub fn inputs(&self) -> Vec<String> {
        inputs::names()
    }

    /// Opens the input of this name. It may be opened any number of times.
    ///
    /// # Errors
    /// [`Error::InputNotFound`](crate::Error::InputNotFound), which lists the names that there are.
    pub fn input(&self, name: &str) -> Result<Input> {
        Input::open(name)
    }

    /// Creates the output of this name. Dropping it ends it; it cannot be reopened.
    ///
    /// # Errors
    /// If the name is not fit for an output or is taken, or if the job has too many outputs.
    pub fn output(&self, name: &str) -> Result<Output> {
        Output::create(name)
    }

    /// What the slice before this one left with [`Job::leave_checkpoint`]; nothing in a job's first slice.
    ///
    /// # Errors
    /// None that a job brings about: a slice is either given a checkpoint or not.
    pub fn checkpoint(&self) -> Result<Option<Input>> {
        let is_given = inputs::names().iter().any(|name| name == CHECKPOINT);
        is_given.then(|| Input::open(CHECKPOINT)).transpose()
    }

    /// Creates the output from which the next slice goes on. A run that ends well and leaves one has not done all of
    /// its job: `meterbox run --slices N` orders it again with this as its [`Job::checkpoint`]. Seed and clock begin
    /// again with each slice: what has to go on from them belongs into the checkpoint.
    ///
    /// # Errors
    /// If one was created before, or if the job has too many outputs.
    pub fn leave_checkpoint(&self) -> Result<Output> {
        Output::create(CHECKPOINT)
    }

    /// The arguments of the order, without the program's name that stands before them.
    pub fn args(&self) -> Vec<String> {
        std::env::args().skip(1).collect()
    }

    /// Tells the person who waits that `done` of `total` steps are done; a `total` of 0 means that
    /// it is not known. Each report costs a host call: report steps of some size.
    pub fn progress(&self, done: u64, total: u64, message: impl AsRef<str>) {
        progress::report(done, total, message.as_ref());
    }

    /// Reads as JSON what the slice before left with [`Job::leave_checkpoint_json`]; nothing in a job's first slice.
    ///
    /// A sum of fifty million terms, a million a slice:
    ///
    /// ```no_run
    /// use meterbox_guest::Job;
    ///
    /// #[meterbox_guest::job]
    /// fn main(job: Job) -> Result<(), Box<dyn std::error::Error>> {
    ///     let (from, mut sum) = job.checkpoint_json::<(u64, f64)>()?.unwrap_or((0, 0.0));
    ///     let to = (from + 1_000_000).min(50_000_000);
    ///     for number in from..to {
    ///         sum += 1.0 / (1.0 + number as f64).powi(2);
    ///     }
    ///     if to < 50_000_000 {
    ///         job.leave_checkpoint_json(&(to, sum))?;
    ///     } else {
    ///         job.output_json("sum.json", &sum)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// If it is not the JSON of a `T`.
    #[cfg(feature = "json")]
    pub fn checkpoint_json<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>> {
        let is_given = self.checkpoint()?.is_some();
        is_given.then(|| self.input_json(CHECKPOINT)).transpose()
    }

    /// Writes the value as JSON to the output from which the next slice goes on, as [`Job::leave_checkpoint`] says.
    ///
    /// # Errors
    /// If the output cannot be created, or if the value has no form in JSON.
    #[cfg(feature = "json")]
    pub fn leave_checkpoint_json<T: serde::Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        self.output_json(CHECKPOINT, value)
    }

    /// Reads the input of this name as JSON.
    ///
    /// # Errors
    /// If there is no such input, or if it is not the JSON of a `T`.
    #[cfg(feature = "json")]
    pub fn input_json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let bytes = self.input(name)?.read_to_vec()?;
        serde_json::from_slice(&bytes).map_err(|cause| crate::Error::InputNotJson {
            name: name.to_string(),
            cause,
        })
    }

    /// Writes the value as JSON to a new output of this name, for people to read: indented, with
    /// a line feed at its end.
    ///
    /// # Errors
    /// If the output cannot be created, or if the value has no form in JSON.
    #[cfg(feature = "json")]
    pub fn output_json<T: serde::Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        // Written whole, so that a value without a form leaves no half output behind.
        let mut bytes =
            serde_json::to_vec_pretty(value).map_err(|cause| crate::Error::OutputNotJson {
                name: name.to_string(),
                cause,
            })?;
        bytes.push(b'\n');
        self.output(name)?.append(&bytes);
        Ok(())
    }
}
