//! Owns the texts that carry proofs: for a receipt <https://c2sp.org/tlog-proof>, and between two checkpoints the
//! request by which <https://c2sp.org/tlog-witness> asks a witness to sign. Checks nothing.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meterbox_billing::digest::Digest;

use crate::checkpoint::{CheckpointError, SignedCheckpoint, decimal, hash};
use crate::note::NOTE_BYTES_MAX;
use crate::proof::{ConsistencyProof, HASHES_MAX, InclusionProof};

/// The most bytes of a file that are read: a checkpoint of the largest size, and less than 8 KiB before it.
pub const FILE_BYTES_MAX: usize = NOTE_BYTES_MAX + 8 * 1024;

/// What the file of a receipt's proof begins with.
const INCLUSION_MARK: &str = "c2sp.org/tlog-proof@v1";

/// Why a text carries no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// More bytes than [`FILE_BYTES_MAX`].
    #[error("the proof has {bytes} bytes, at most {FILE_BYTES_MAX} are read")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// A line that does not belong there.
    #[error("line {line} of the proof is not {expected}")]
    Line {
        /// Which, from 1 on.
        line: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// More hashes than any proof has.
    #[error("the proof has more than {HASHES_MAX} hashes")]
    TooManyHashes,
    /// No checkpoint at its end.
    #[error("the proof carries no checkpoint")]
    Checkpoint(#[from] CheckpointError),
}

/// A proof that a receipt is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionFile {
    /// The digest of the receipt that it is said to be for: a hint, which is compared with the receipt.
    pub receipt: Option<Digest>,
    /// The proof.
    pub proof: InclusionProof,
    /// The log that it leads to.
    pub checkpoint: SignedCheckpoint,
}

/// A proof that a log begins with an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyFile {
    /// The proof, which says how many receipts the older log has.
    pub proof: ConsistencyProof,
    /// The newer log.
    pub checkpoint: SignedCheckpoint,
}

/// Either, for whoever is handed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofFile {
    /// That a receipt is in a log.
    Inclusion(InclusionFile),
    /// That a log begins with an older one.
    Consistency(ConsistencyFile),
}

impl fmt::Display for InclusionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{INCLUSION_MARK}")?;
        if let Some(receipt) = &self.receipt {
            writeln!(f, "extra {}", STANDARD.encode(receipt.as_bytes()))?;
        }
        writeln!(f, "index {}", self.proof.index)?;
        write_hashes(f, &self.proof.hashes)?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl fmt::Display for ConsistencyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.proof.old)?;
        write_hashes(f, &self.proof.hashes)?;
        write!(f, "\n{}", self.checkpoint)
    }
}

fn write_hashes(f: &mut fmt::Formatter<'_>, hashes: &[Digest]) -> fmt::Result {
    hashes
        .iter()
        .try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash.as_bytes())))
}

impl FromStr for ProofFile {
    type Err = ProofFileError;

    fn from_str(text: &str) -> Result<Self, ProofFileError> {
        match text.starts_with("old ") {
            true => text.parse().map(Self::Consistency),
            false => text.parse().map(Self::Inclusion),
        }
    }
}

impl FromStr for InclusionFile {
    type Err = ProofFileError;

    fn from_str(text: &str) -> Result<Self, ProofFileError> {
        let mut lines = Lines::of(text)?;
        lines.next(
            |line| (line == INCLUSION_MARK).then_some(()),
            "`c2sp.org/tlog-proof@v1`, which a receipt's proof begins with, or `old` and a number",
        )?;
        let receipt = match lines.rest.starts_with("extra ") {
            true => Some(lines.next(
                |line| line.strip_prefix("extra ").and_then(hash),
                "`extra` and a receipt's digest in base64",
            )?),
            false => None,
        };
        let index = lines.next(
            |line| line.strip_prefix("index ").and_then(decimal),
            "`index` and a whole number",
        )?;
        let hashes = lines.hashes()?;
        Ok(Self {
            receipt,
            proof: InclusionProof { index, hashes },
            checkpoint: lines.rest.parse()?,
        })
    }
}

impl FromStr for ConsistencyFile {
    type Err = ProofFileError;

    fn from_str(text: &str) -> Result<Self, ProofFileError> {
        let mut lines = Lines::of(text)?;
        let old = lines.next(
            |line| line.strip_prefix("old ").and_then(decimal),
            "`old` and a whole number",
        )?;
        let hashes = lines.hashes()?;
        Ok(Self {
            proof: ConsistencyProof { old, hashes },
            checkpoint: lines.rest.parse()?,
        })
    }
}

/// What of a file is not read yet.
struct Lines<'a> {
    rest: &'a str,
    /// The number of the last line that was read.
    line: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Result<Self, ProofFileError> {
        match text.len() {
            bytes if bytes > FILE_BYTES_MAX => Err(ProofFileError::TooLarge { bytes }),
            _ => Ok(Self {
                rest: text,
                line: 0,
            }),
        }
    }

    /// The next line, as something else.
    fn next<T>(
        &mut self,
        read: impl FnOnce(&'a str) -> Option<T>,
        expected: &'static str,
    ) -> Result<T, ProofFileError> {
        self.line += 1;
        let line = self.line;
        let wrong = ProofFileError::Line { line, expected };
        let (first, rest) = self.rest.split_once('\n').ok_or_else(|| wrong.clone())?;
        self.rest = rest;
        read(first).ok_or(wrong)
    }

    /// Hashes, a line each, and the empty line that ends them.
    fn hashes(&mut self) -> Result<Vec<Digest>, ProofFileError> {
        let mut hashes = Vec::new();
        loop {
            let read = |line: &str| match line {
                "" => Some(None),
                line => hash(line).map(Some),
            };
            match self.next(read, "a hash in base64 or an empty line")? {
                None => return Ok(hashes),
                Some(_) if hashes.len() == HASHES_MAX => return Err(ProofFileError::TooManyHashes),
                Some(hash) => hashes.push(hash),
            }
        }
    }
}

#[cfg(test)]
mod tests;
