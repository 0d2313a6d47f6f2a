//! What `#[job]` expands to: how a function becomes a component's export. Not for other use.

use std::fmt::Display;

use crate::Job;
pub use crate::bindings::Guest;

/// What a job's function may return.
#[diagnostic::on_unimplemented(
    message = "a job returns nothing or `Result<(), E>` whose `E` implements `Display`, not `{Self}`"
)]
pub trait Outcome {
    /// The error as the host gets it.
    fn into_outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn into_outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn into_outcome(self) -> Result<(), String> {
        // The alternate form is where error types that keep a cause chain print all of it.
        self.map_err(|error| format!("{error:#}"))
    }
}

/// The job that `run` hands to the function.
pub fn new_job() -> Job {
    Job::new()
}

/// What a job does outside of a provider.
pub fn not_here() -> std::process::ExitCode {
    eprintln!(
        "error: this program is a Meterbox job, and runs only there\n\
         hint: build it with `--target wasm32-wasip2`, and start it with `meterbox run`"
    );
    std::process::ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reaches_the_host_as_its_message() {
        assert_eq!(().into_outcome(), Ok(()));
        assert_eq!(Ok::<(), String>(()).into_outcome(), Ok(()));
        assert_eq!(
            Err::<(), _>("no rows").into_outcome(),
            Err("no rows".to_string())
        );
    }
}
