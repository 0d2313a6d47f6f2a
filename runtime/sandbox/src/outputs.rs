//! The blobs that a job leaves behind: kept in memory while small, in an unnamed file when not.

use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

/// Up to this size an output is kept in memory.
const MEMORY_BYTES_MAX: usize = 1 << 20;

/// A finished output.
#[derive(Debug)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The sha256 of its content.
    pub sha256: [u8; 32],
    /// Its size in bytes.
    pub bytes: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Memory(Vec<u8>),
    File(std::fs::File),
}

impl Output {
    /// Copies the content to `to`.
    ///
    /// # Errors
    /// Whatever reading the spooled content or writing to `to` says.
    pub fn copy_to(&mut self, to: &mut impl Write) -> io::Result<()> {
        match &mut self.content {
            Content::Memory(bytes) => to.write_all(bytes),
            Content::File(file) => {
                file.seek(SeekFrom::Start(0))?;
                io::copy(file, to).map(|_| ())
            }
        }
    }

    /// The whole content.
    ///
    /// # Errors
    /// Whatever reading the spooled content says.
    pub fn to_vec(&mut self) -> io::Result<Vec<u8>> {
        match &mut self.content {
            Content::Memory(bytes) => Ok(bytes.clone()),
            Content::File(file) => {
                file.seek(SeekFrom::Start(0))?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// An output being written.
#[derive(Debug)]
pub(crate) struct OutputWriter {
    name: String,
    hasher: Sha256,
    bytes: u64,
    content: Content,
}

impl OutputWriter {
    pub(crate) fn new(name: String) -> OutputWriter {
        OutputWriter {
            name,
            hasher: Sha256::new(),
            bytes: 0,
            content: Content::Memory(Vec::new()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        match &mut self.content {
            Content::Memory(held) if held.len().saturating_add(bytes.len()) <= MEMORY_BYTES_MAX => {
                held.extend_from_slice(bytes);
            }
            Content::Memory(held) => {
                let mut file = tempfile::tempfile()?;
                file.write_all(held)?;
                file.write_all(bytes)?;
                self.content = Content::File(file);
            }
            Content::File(file) => file.write_all(bytes)?,
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Output {
        Output {
            name: self.name,
            sha256: self.hasher.finalize().into(),
            bytes: self.bytes,
            content: self.content,
        }
    }
}

/// Whether an output may have this name: 1 to 255 bytes of `A-Z a-z 0-9 . _ - /`, with no empty,
/// `.` or `..` segment.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    (1..=255).contains(&name.len())
        && name.bytes().all(allowed)
        && name
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_are_invalid() {
        for name in ["a", "a/b.txt", "..a", "A-1_z"] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in [
            "", "/a", "a/", "a//b", ".", "..", "a/../b", "a b", "ä", "a\0", "a\\b",
        ] {
            assert!(!is_valid_name(name), "{name}");
        }
        assert!(is_valid_name(&"a".repeat(255)));
        assert!(!is_valid_name(&"a".repeat(256)));
    }

    #[test]
    fn content_is_the_same_in_memory_and_in_a_file() {
        for size in [
            0,
            1,
            MEMORY_BYTES_MAX,
            MEMORY_BYTES_MAX + 1,
            3 * MEMORY_BYTES_MAX,
        ] {
            let bytes = vec![7u8; size];
            let mut writer = OutputWriter::new("a".into());
            for piece in bytes.chunks(700_001) {
                writer.write(piece).unwrap();
            }
            let mut output = writer.finish();
            assert_eq!(output.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
            assert_eq!(output.to_vec().unwrap(), bytes);
            let mut copied = Vec::new();
            output.copy_to(&mut copied).unwrap();
            assert_eq!(copied, bytes);
        }
    }
}
