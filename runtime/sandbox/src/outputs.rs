//! The blobs that a job leaves behind.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::files::Kept;

/// A finished output.
#[derive(Debug)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The sha256 of its content.
    pub sha256: [u8; 32],
    /// Its size in bytes.
    pub bytes: u64,
    pub(crate) content: Kept,
}

impl Output {
    pub(crate) fn new(name: String, sha256: [u8; 32], content: Kept) -> Output {
        Output {
            name,
            sha256,
            bytes: content.bytes(),
            content,
        }
    }

    /// Copies the content to `to`, and checks that it is the one that the digest is of.
    ///
    /// # Errors
    /// Whatever reading the content or writing to `to` says; or that the content is another: what was
    /// copied is then worth nothing.
    pub fn copy_to(&mut self, to: &mut impl Write) -> io::Result<()> {
        let mut hasher = Sha256::new();
        self.content.for_each(|piece| {
            hasher.update(piece);
            to.write_all(piece)
        })?;
        if <[u8; 32]>::from(hasher.finalize()) == self.sha256 {
            Ok(())
        } else {
            let reason = format!("the output `{}` is not what was receipted", self.name);
            Err(io::Error::new(io::ErrorKind::InvalidData, reason))
        }
    }

    /// The whole content.
    ///
    /// # Errors
    /// Whatever reading the content says.
    pub fn to_vec(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy_to(&mut bytes)?;
        Ok(bytes)
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
}
