//! An open input: reading, seeking and reading whole. What is read is fixed by the order.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use crate::bindings::meterbox::job::inputs;
use crate::{Error, Result};

/// How much a small read takes from the host. Large enough that the cost of the call vanishes
/// beside that of its bytes, small enough to be held for some dozens of inputs.
const BUFFER_BYTES: u32 = 64 * 1024;

/// The most that the host gives in one read.
const READ_BYTES_MAX: u32 = 1024 * 1024;

/// An open input. Reads are buffered; [`read_at`](Self::read_at) goes past the buffer.
#[derive(Debug)]
pub struct Input {
    handle: inputs::Input,
    name: String,
    size: u64,
    position: u64,
    buffer: Vec<u8>,
    buffer_offset: u64,
}

impl Input {
    pub(crate) fn open(name: &str) -> Result<Self> {
        let handle = inputs::open(name).map_err(|error| match error {
            inputs::Error::NotFound => not_found(name, &inputs::names()),
        })?;
        Ok(Self {
            size: handle.size(),
            handle,
            name: name.to_string(),
            position: 0,
            buffer: Vec::new(),
            buffer_offset: 0,
        })
    }

    /// The name under which the order knows the input.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The input's size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `target` from `offset` on, as far as the input goes, and says how many bytes that
    /// were. The position for `Read` stays as it is.
    pub fn read_at(&self, offset: u64, target: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < target.len() {
            let wanted = u32::try_from(target.len() - filled).unwrap_or(READ_BYTES_MAX);
            let piece = self
                .handle
                .read(offset + filled as u64, wanted.min(READ_BYTES_MAX));
            if piece.is_empty() {
                break;
            }
            target[filled..filled + piece.len()].copy_from_slice(&piece);
            filled += piece.len();
        }
        filled
    }

    /// The whole input, wherever the position for `Read` is.
    ///
    /// # Errors
    /// [`Error::InputTooLarge`] if it does not fit into the memory that the job can have.
    pub fn read_to_vec(&self) -> Result<Vec<u8>> {
        let too_large = || Error::InputTooLarge {
            name: self.name.clone(),
            bytes: self.size,
        };
        let size = usize::try_from(self.size).map_err(|_| too_large())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| too_large())?;
        while bytes.len() < size {
            let piece = self.handle.read(bytes.len() as u64, READ_BYTES_MAX);
            if piece.is_empty() {
                break;
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// The whole input as text, wherever the position for `Read` is.
    ///
    /// # Errors
    /// [`Error::InputNotText`] if it is not UTF-8, or as for [`read_to_vec`](Self::read_to_vec).
    pub fn read_string(&self) -> Result<String> {
        String::from_utf8(self.read_to_vec()?).map_err(|error| Error::InputNotText {
            name: self.name.clone(),
            offset: error.utf8_error().valid_up_to(),
        })
    }
}

impl Read for Input {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let buffered = buffered(&self.buffer, self.buffer_offset, self.position).len();
        if buffered == 0 && target.len() >= BUFFER_BYTES as usize {
            let read = self.read_at(self.position, target);
            self.position += read as u64;
            return Ok(read);
        }
        let available = self.fill_buf()?;
        let read = available.len().min(target.len());
        target[..read].copy_from_slice(&available[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if buffered(&self.buffer, self.buffer_offset, self.position).is_empty()
            && self.position < self.size
        {
            self.buffer = self.handle.read(self.position, BUFFER_BYTES);
            self.buffer_offset = self.position;
        }
        Ok(buffered(&self.buffer, self.buffer_offset, self.position))
    }

    fn consume(&mut self, bytes: usize) {
        self.position += bytes as u64;
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = seek(self.position, self.size, to)?;
        Ok(self.position)
    }
}

/// The part of the buffer that lies at the position and after it.
fn buffered(buffer: &[u8], buffer_offset: u64, position: u64) -> &[u8] {
    position
        .checked_sub(buffer_offset)
        .and_then(|start| usize::try_from(start).ok())
        .and_then(|start| buffer.get(start..))
        .unwrap_or_default()
}

fn seek(position: u64, size: u64, to: SeekFrom) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::Current(by) => position.checked_add_signed(by),
        SeekFrom::End(by) => size.checked_add_signed(by),
    };
    target.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "a position before the input's start",
        )
    })
}

fn not_found(name: &str, names: &[String]) -> Error {
    /// A list longer than this helps nobody.
    const NAMES_MAX: usize = 8;
    let mut text: Vec<String> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > NAMES_MAX {
        text.push(format!("{} more", names.len() - NAMES_MAX));
    }
    let names = if text.is_empty() {
        "none".to_string()
    } else {
        text.join(", ")
    };
    Error::InputNotFound {
        name: name.to_string(),
        names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_serves_only_what_it_holds() {
        let check = |position, expected: &[u8]| {
            assert_eq!(buffered(b"abcd", 10, position), expected, "at {position}");
        };
        check(9, b"");
        check(10, b"abcd");
        check(13, b"d");
        check(14, b"");
        check(u64::MAX, b"");
    }

    #[test]
    fn seeking_follows_the_standard_library() {
        assert_eq!(seek(5, 10, SeekFrom::Start(3)).unwrap(), 3);
        assert_eq!(seek(5, 10, SeekFrom::Current(-5)).unwrap(), 0);
        assert_eq!(seek(5, 10, SeekFrom::End(-1)).unwrap(), 9);
        assert_eq!(seek(5, 10, SeekFrom::End(7)).unwrap(), 17);
        assert!(seek(5, 10, SeekFrom::Current(-6)).is_err());
        assert!(seek(5, 10, SeekFrom::End(-11)).is_err());
    }

    #[test]
    fn missing_input_lists_what_there_is() {
        let check = |names: &[&str], expected: &str| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let message = not_found("x", &names).to_string();
            assert_eq!(
                message,
                format!("there is no input `x`: the order names {expected}")
            );
        };
        check(&[], "none");
        check(&["a", "b"], "`a`, `b`");
        check(&["a"; 10], "`a`, `a`, `a`, `a`, `a`, `a`, `a`, `a`, 2 more");
    }
}
