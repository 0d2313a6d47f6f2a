//! Messages for the person who ordered the job. Each costs a host call and its bytes.

use crate::bindings::meterbox::job::log::{self, Level};

/// Logs what only a close look at the job needs.
pub fn trace(message: impl AsRef<str>) {
    log::log(Level::Trace, message.as_ref());
}

/// Logs what helps to find a mistake in the job.
pub fn debug(message: impl AsRef<str>) {
    log::log(Level::Debug, message.as_ref());
}

/// Logs what the job does.
pub fn info(message: impl AsRef<str>) {
    log::log(Level::Info, message.as_ref());
}

/// Logs what is likely not as the person wanted, though the job goes on.
pub fn warn(message: impl AsRef<str>) {
    log::log(Level::Warn, message.as_ref());
}

/// Logs what went wrong. It does not end the job: return an error for that.
pub fn error(message: impl AsRef<str>) {
    log::log(Level::Error, message.as_ref());
}
