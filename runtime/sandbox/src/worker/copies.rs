//! Copies of what a process is handed as a file: what is read is written there once, and digested.

use std::fs::File;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use super::WorkerSettings;
use crate::host::wide;

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// A file, open for reading only, with so many bytes, as they are read from each offset, and their digest.
pub(super) fn copy(
    settings: &WorkerSettings,
    bytes: u64,
    read: impl Fn(u64, &mut [u8]) -> std::io::Result<()>,
) -> std::io::Result<(File, [u8; 32])> {
    let copy = super::attempt::scratch(settings)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let left = usize::try_from(bytes - offset).unwrap_or(usize::MAX);
        let piece = buffer.get_mut(..left.min(COPY_BYTES)).unwrap_or_default();
        read(offset, piece)?;
        hasher.update(&piece);
        copy.write_all_at(piece, offset)?;
        offset += wide(piece.len());
    }
    Ok((super::cache::read_only(&copy)?, hasher.finalize().into()))
}
