//! An output being written: buffered, in pieces that the host takes at once.

use std::io::{self, Write};

use crate::bindings::meterbox::job::outputs;
use crate::{Error, Result};

/// Small writes are gathered up to here, so that their cost is their bytes and not their calls.
const BUFFER_BYTES: usize = 64 * 1024;

/// Large writes are split here: a host limits what one call may carry.
const WRITE_BYTES_MAX: usize = 1024 * 1024;

/// An output being written. Dropping it writes what is still buffered, and ends the output; a
/// job that traps first loses it. Writing never fails: a job that writes more than its limit
/// ends there.
#[derive(Debug)]
pub struct Output {
    handle: outputs::Output,
    name: String,
    buffer: Vec<u8>,
}

impl Output {
    pub(crate) fn create(name: &str) -> Result<Self> {
        let handle = outputs::create(name).map_err(|error| {
            let name = name.to_string();
            match error {
                outputs::Error::InvalidName => Error::OutputName { name },
                outputs::Error::AlreadyExists => Error::OutputExists { name },
                outputs::Error::TooMany => Error::OutputsTooMany { name },
            }
        })?;
        Ok(Self {
            handle,
            name: name.to_string(),
            buffer: Vec::new(),
        })
    }

    /// The output's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends all of these bytes: `Write::write_all`, which here cannot fail.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() < BUFFER_BYTES {
            self.buffer.extend_from_slice(bytes);
            return;
        }
        self.write_buffer();
        for piece in bytes.chunks(WRITE_BYTES_MAX) {
            self.handle.write(piece);
        }
    }

    fn write_buffer(&mut self) {
        if !self.buffer.is_empty() {
            self.handle.write(&self.buffer);
            self.buffer.clear();
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_buffer();
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.write_buffer();
    }
}
