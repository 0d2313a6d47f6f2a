//! The bytes of files: small ones in memory, more of them in one scratch file of the machine that no
//! guest can name. Knows neither names nor limits.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a chunk: what moves between memory and the scratch file at once.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Bytes of all files of a run that are kept in memory: as many as a host can spare for each of some
/// hundred jobs.
const MEMORY_BYTES_MAX: usize = 16 << 20;

/// The content of one file.
#[derive(Debug, Default)]
pub(crate) struct Content {
    bytes: u64,
    /// What was never written is not there, and reads as zeros.
    chunks: Vec<Option<Chunk>>,
}

#[derive(Debug)]
enum Chunk {
    /// What the chunk has; zeros follow, up to its end.
    Memory(Vec<u8>),
    /// Its place in the scratch file, in chunks.
    Scratch(u32),
}

/// Where the contents of a run's files are.
#[derive(Debug)]
pub(crate) struct Storage {
    scratch: Option<Arc<File>>,
    /// Chunks of the scratch file that are free again.
    free: Vec<u32>,
    /// Chunks that the scratch file has.
    scratch_chunks: u32,
    memory_bytes: usize,
}

impl Content {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The parts of `offset .. offset + length`, as chunk, offset within it, and length.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut at = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = at.saturating_add(length);
    std::iter::from_fn(move || {
        (at < end).then(|| {
            let within = at % CHUNK_BYTES;
            let length = (CHUNK_BYTES - within).min(end - at);
            let part = (at / CHUNK_BYTES, within, length);
            at += length;
            part
        })
    })
}

fn scratch_offset(chunk: u32, within: usize) -> u64 {
    u64::from(chunk) * crate::host::wide(CHUNK_BYTES) + crate::host::wide(within)
}

impl Storage {
    /// Storage that goes on in `scratch` when memory is full, or in a temporary file.
    pub(crate) fn new(scratch: Option<Arc<File>>) -> Storage {
        Storage {
            scratch,
            free: Vec::new(),
            scratch_chunks: 0,
            memory_bytes: 0,
        }
    }

    /// Fills `buffer` with the bytes from `offset` on, which are within the content.
    pub(crate) fn read(&self, content: &Content, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        read(&content.chunks, self.scratch.as_deref(), offset, buffer)
    }

    /// Puts bytes at an offset; the content becomes as long as that takes.
    pub(crate) fn write(
        &mut self,
        content: &mut Content,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        let mut rest = bytes;
        for (chunk, within, length) in parts(offset, bytes.len()) {
            let (piece, after) = rest.split_at(length);
            rest = after;
            if content.chunks.len() <= chunk {
                content.chunks.resize_with(chunk + 1, || None);
            }
            self.write_chunk(&mut content.chunks[chunk], within, piece)?;
        }
        let end = offset.saturating_add(crate::host::wide(bytes.len()));
        content.bytes = content.bytes.max(end);
        Ok(())
    }

    fn write_chunk(
        &mut self,
        chunk: &mut Option<Chunk>,
        within: usize,
        bytes: &[u8],
    ) -> io::Result<()> {
        let end = within + bytes.len();
        let held = match chunk {
            Some(Chunk::Scratch(at)) => {
                let (scratch, at) = (self.scratch()?, *at);
                return scratch.write_all_at(bytes, scratch_offset(at, within));
            }
            Some(Chunk::Memory(held)) => held,
            None => match chunk.insert(Chunk::Memory(Vec::new())) {
                Chunk::Memory(held) => held,
                Chunk::Scratch(_) => return Err(io::Error::other("a chunk is two things")),
            },
        };
        let more = end.saturating_sub(held.len());
        if self.memory_bytes.saturating_add(more) <= MEMORY_BYTES_MAX {
            self.memory_bytes += more;
            held.resize(held.len().max(end), 0);
            held[within..end].copy_from_slice(bytes);
            return Ok(());
        }
        let mut whole = std::mem::take(held);
        self.memory_bytes = self.memory_bytes.saturating_sub(whole.len());
        whole.resize(CHUNK_BYTES, 0);
        whole[within..end].copy_from_slice(bytes);
        let at = self.allocate()?;
        self.scratch()?
            .write_all_at(&whole, scratch_offset(at, 0))?;
        *chunk = Some(Chunk::Scratch(at));
        Ok(())
    }

    /// Cuts the content, or lets zeros follow it.
    pub(crate) fn resize(&mut self, content: &mut Content, bytes: u64) -> io::Result<()> {
        if bytes < content.bytes {
            let end = usize::try_from(bytes).unwrap_or(usize::MAX);
            let kept = end.div_ceil(CHUNK_BYTES);
            while content.chunks.len() > kept {
                if let Some(Some(chunk)) = content.chunks.pop() {
                    self.release_chunk(chunk);
                }
            }
            // What is left of the last chunk reads as zeros, should the content grow again.
            let within = end % CHUNK_BYTES;
            if let (Some(Some(chunk)), true) =
                (content.chunks.get_mut(end / CHUNK_BYTES), within > 0)
            {
                match chunk {
                    Chunk::Memory(held) => {
                        self.memory_bytes -= held.len().saturating_sub(within);
                        held.truncate(within);
                    }
                    Chunk::Scratch(at) => {
                        let zeros = vec![0; CHUNK_BYTES - within];
                        let offset = scratch_offset(*at, within);
                        self.scratch()?.write_all_at(&zeros, offset)?;
                    }
                }
            }
        }
        content.bytes = bytes;
        Ok(())
    }

    /// Gives back what a content took.
    pub(crate) fn release(&mut self, content: Content) {
        for chunk in content.chunks.into_iter().flatten() {
            self.release_chunk(chunk);
        }
    }

    fn release_chunk(&mut self, chunk: Chunk) {
        match chunk {
            Chunk::Memory(held) => self.memory_bytes -= held.len(),
            Chunk::Scratch(at) => self.free.push(at),
        }
    }

    fn allocate(&mut self) -> io::Result<u32> {
        if let Some(at) = self.free.pop() {
            return Ok(at);
        }
        let at = self.scratch_chunks;
        self.scratch_chunks = at
            .checked_add(1)
            .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(at)
    }

    fn scratch(&mut self) -> io::Result<&File> {
        if self.scratch.is_none() {
            self.scratch = Some(Arc::new(tempfile::tempfile()?));
        }
        self.scratch
            .as_deref()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// A content that nothing changes any more, with its digest.
    pub(crate) fn finish(&self, content: Content) -> io::Result<([u8; 32], Kept)> {
        let kept = Kept {
            bytes: content.bytes,
            chunks: content.chunks,
            scratch: self.scratch.clone(),
        };
        let mut hasher = Sha256::new();
        kept.for_each(|piece| {
            hasher.update(piece);
            Ok(())
        })?;
        Ok((hasher.finalize().into(), kept))
    }
}

fn read(
    chunks: &[Option<Chunk>],
    scratch: Option<&File>,
    offset: u64,
    buffer: &mut [u8],
) -> io::Result<()> {
    let mut rest = buffer;
    for (chunk, within, length) in parts(offset, rest.len()) {
        let (piece, after) = rest.split_at_mut(length);
        rest = after;
        match (chunks.get(chunk).and_then(Option::as_ref), scratch) {
            (Some(Chunk::Memory(held)), _) => {
                let held = held.get(within..).unwrap_or_default();
                let there = held.len().min(length);
                piece[..there].copy_from_slice(&held[..there]);
                piece[there..].fill(0);
            }
            (Some(Chunk::Scratch(at)), Some(scratch)) => {
                scratch.read_exact_at(piece, scratch_offset(*at, within))?;
            }
            (Some(Chunk::Scratch(_)), None) => return Err(io::ErrorKind::NotFound.into()),
            (None, _) => piece.fill(0),
        }
    }
    Ok(())
}

/// Some chunks of a content, one after the other.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ChunkRun {
    /// So many that were never written.
    Zeros(u32),
    /// One, whose rest is zeros.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    /// So many in the scratch file, from this one on.
    Scratch(u32, u32),
}

/// A content that is finished.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: u64,
    chunks: Vec<Option<Chunk>>,
    scratch: Option<Arc<File>>,
}

impl Kept {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Shows all of it in pieces.
    pub(crate) fn for_each(&self, mut show: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut offset = 0;
        while offset < self.bytes {
            let left = usize::try_from(self.bytes - offset).unwrap_or(usize::MAX);
            let piece = &mut buffer[..left.min(CHUNK_BYTES)];
            read(&self.chunks, self.scratch.as_deref(), offset, piece)?;
            show(piece)?;
            offset += crate::host::wide(piece.len());
        }
        Ok(())
    }

    /// Its chunks, for another process that has the scratch file.
    pub(crate) fn into_runs(self) -> Vec<ChunkRun> {
        let mut runs: Vec<ChunkRun> = Vec::new();
        for chunk in self.chunks {
            match (chunk, runs.last_mut()) {
                (None, Some(ChunkRun::Zeros(count))) => *count += 1,
                (None, _) => runs.push(ChunkRun::Zeros(1)),
                (Some(Chunk::Memory(bytes)), _) => runs.push(ChunkRun::Bytes(bytes)),
                (Some(Chunk::Scratch(at)), Some(ChunkRun::Scratch(first, count)))
                    if *first + *count == at =>
                {
                    *count += 1;
                }
                (Some(Chunk::Scratch(at)), _) => runs.push(ChunkRun::Scratch(at, 1)),
            }
        }
        runs
    }

    /// A content of this size, from its chunks, if they are no more than it has. What is missing at the
    /// end was never written.
    pub(crate) fn from_runs(
        bytes: u64,
        runs: Vec<ChunkRun>,
        scratch: Option<Arc<File>>,
    ) -> Option<Kept> {
        let chunks_max = bytes.div_ceil(crate::host::wide(CHUNK_BYTES));
        let mut chunks = Vec::new();
        for run in runs {
            let count = match &run {
                ChunkRun::Zeros(count) | ChunkRun::Scratch(_, count) => u64::from(*count),
                ChunkRun::Bytes(_) => 1,
            };
            if crate::host::wide(chunks.len()).checked_add(count)? > chunks_max {
                return None;
            }
            match run {
                ChunkRun::Zeros(count) => chunks.extend((0..count).map(|_| None)),
                ChunkRun::Bytes(bytes) if bytes.len() <= CHUNK_BYTES => {
                    chunks.push(Some(Chunk::Memory(bytes)));
                }
                ChunkRun::Bytes(_) => return None,
                ChunkRun::Scratch(first, count) => {
                    let end = first.checked_add(count)?;
                    chunks.extend((first..end).map(|at| Some(Chunk::Scratch(at))));
                }
            }
        }
        Some(Kept {
            bytes,
            chunks,
            scratch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(storage: &Storage, content: &Content) -> Vec<u8> {
        let mut bytes = vec![1; usize::try_from(content.bytes()).unwrap()];
        storage.read(content, 0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn contents_are_what_was_written_in_memory_and_in_the_scratch_file() {
        use rand_chacha::rand_core::{Rng, SeedableRng};
        let mut dice = rand_chacha::ChaCha20Rng::seed_from_u64(7);
        let mut below = |max: u64| dice.next_u64() % max;
        let mut storage = Storage::new(None);
        let mut contents: Vec<(Content, Vec<u8>)> = Vec::new();
        contents.resize_with(40, Default::default);
        for round in 0..1_000u32 {
            let which = usize::try_from(below(40)).unwrap();
            let (content, expected) = &mut contents[which];
            match below(10) {
                0 => {
                    storage.release(std::mem::take(content));
                    expected.clear();
                }
                1 | 2 => {
                    let size = below(2 << 20);
                    storage.resize(content, size).unwrap();
                    expected.resize(usize::try_from(size).unwrap(), 0);
                }
                _ => {
                    let offset = below(2 << 20);
                    let bytes = vec![
                        round.to_le_bytes()[0] | 1;
                        usize::try_from(below(1_000_000)).unwrap()
                    ];
                    storage.write(content, offset, &bytes).unwrap();
                    let start = usize::try_from(offset).unwrap();
                    let end = start + bytes.len();
                    expected.resize(expected.len().max(end), 0);
                    expected[start..end].copy_from_slice(&bytes);
                }
            }
            assert!(whole(&storage, content) == *expected, "round {round}");
            assert!(storage.memory_bytes <= MEMORY_BYTES_MAX);
        }
        assert!(
            storage.scratch_chunks > 50,
            "some of it is in the scratch file"
        );
        assert!(
            contents
                .iter()
                .all(|(content, expected)| whole(&storage, content) == *expected)
        );
        let held: usize = storage.memory_bytes;
        for (content, expected) in contents {
            let (sha256, kept) = storage.finish(content).unwrap();
            assert_eq!(sha256, <[u8; 32]>::from(Sha256::digest(&expected)));
            let mut copied = Vec::new();
            let copy = |piece: &[u8]| {
                copied.extend_from_slice(piece);
                Ok(())
            };
            kept.for_each(copy).unwrap();
            assert!(copied == expected);
        }
        assert!(held > 0);
    }
}
