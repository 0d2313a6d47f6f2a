//! Owns how checkpoints of the transparency log are kept: each as it was signed, none smaller than the one
//! before. Checks no signature and computes no tree.

use rusqlite::params;

use crate::LedgerError;
use crate::budget::Posted;
use crate::row::row_number;
use crate::writer::Writer;

/// A note with a few dozen signatures of witnesses fits; whatever is larger is none.
const NOTE_BYTES_MAX: usize = 64 * 1024;

/// Why a checkpoint is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It covers receipts that there are not.
    #[error("the checkpoint covers {size} receipts, the ledger has {receipts}")]
    Ahead {
        /// What it covers.
        size: u64,
        /// What there is.
        receipts: u64,
    },
    /// It covers fewer receipts than the one before.
    #[error("the checkpoint covers {size} receipts, the one before it {before}")]
    GoesBack {
        /// What it covers.
        size: u64,
        /// What the one before covers.
        before: u64,
    },
    /// It is too large for a note.
    #[error("the checkpoint has {bytes} bytes, at most {NOTE_BYTES_MAX} are kept")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
}

/// Keeps a signed note of a log of this size. The same note is kept once; one of the same size with more
/// signatures is kept beside it.
pub(crate) fn put(writer: &mut Writer, size: u64, note: &[u8]) -> Result<Posted, LedgerError> {
    let receipts = writer.place.sequence;
    let before = writer.reader.latest_checkpoint()?.map_or(0, |it| it.size);
    let refusal = if size > receipts {
        Some(CheckpointError::Ahead { size, receipts })
    } else if size < before {
        Some(CheckpointError::GoesBack { size, before })
    } else if note.len() > NOTE_BYTES_MAX {
        Some(CheckpointError::TooLarge { bytes: note.len() })
    } else {
        None
    };
    if let Some(refusal) = refusal {
        return Err(refusal.into());
    }
    let rows = writer.reader.connection().execute(
        "INSERT INTO checkpoints (size, note) VALUES (?, ?) ON CONFLICT DO NOTHING",
        params![row_number(size)?, note],
    )?;
    Ok(if rows == 0 {
        Posted::Before
    } else {
        Posted::New
    })
}
