//! Owns checkpoints, <https://c2sp.org/tlog-checkpoint>: a log's name, size and root, as a signed note. Makes no
//! tree and checks no proof.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::{PublicKey, SigningKey};

use crate::note::{Kind, Name, NoteError, Signed, SignedNote, VerifierKey};
use crate::tree::{Head, RECEIPTS_MAX};

/// Why a note is no checkpoint, or is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// No signed note, or not signed by whom it should be.
    #[error("the checkpoint is refused")]
    Note(#[from] NoteError),
    /// Its text is not that of a checkpoint.
    #[error("the checkpoint's `{field}` is not valid: {reason}")]
    Field {
        /// `origin`, `size` or `root`.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// It is another log's.
    #[error("the checkpoint is of the log `{found}`, expected `{expected}`")]
    WrongOrigin {
        /// Whose it is.
        found: Name,
        /// Whose it should be.
        expected: Name,
    },
    /// Too few witnesses signed it.
    #[error("{found} of the given witnesses signed the checkpoint, {needed} are asked for")]
    TooFewWitnesses {
        /// How many did.
        found: usize,
        /// How many should have.
        needed: usize,
    },
}

/// What a log says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: Name,
    /// How many receipts it has, and their root.
    pub head: Head,
}

/// A checkpoint and the signatures under it. Nothing of it is believed before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

/// Whom a reader of checkpoints believes.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The provider's key, which signs its log's checkpoints too.
    pub log: PublicKey,
    /// The log's name; any, under which the key signs, without it.
    pub origin: Option<Name>,
    /// Witnesses whose signatures count.
    pub witnesses: Vec<VerifierKey>,
    /// How many of these must have signed.
    pub witnesses_min: usize,
}

/// A checkpoint that was signed by whom it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The known witnesses that signed it.
    pub witnesses: Vec<Signed>,
}

impl Trust {
    /// Believes this key under any name, and asks for no witness.
    #[must_use]
    pub const fn key(log: PublicKey) -> Self {
        Self {
            log,
            origin: None,
            witnesses: Vec::new(),
            witnesses_min: 0,
        }
    }
}

impl Checkpoint {
    /// Signs it, under the log's name.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedCheckpoint, CheckpointError> {
        Ok(SignedCheckpoint {
            checkpoint: self.clone(),
            note: SignedNote::sign(self.to_string(), self.origin.clone(), key)?,
        })
    }

    /// The digest of the text that is signed, by which an order names what its requestor saw of the log.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }
}

/// The text that is signed: three lines.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.head.root.as_bytes());
        write!(f, "{}\n{}\n{root}\n", self.origin, self.head.size)
    }
}

/// Lines below the third are passed over, as the specification asks.
impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let mut next = || lines.next().unwrap_or_default();
        let wrong = |field, reason: &str| CheckpointError::Field {
            field,
            reason: reason.to_owned(),
        };
        let origin = next()
            .parse::<Name>()
            .map_err(|error| wrong("origin", &error.to_string()))?;
        let size = decimal(next()).ok_or_else(|| wrong("size", "it is no whole number"))?;
        if size > RECEIPTS_MAX {
            return Err(wrong(
                "size",
                &format!("a log has at most {RECEIPTS_MAX} receipts"),
            ));
        }
        let root = hash(next()).ok_or_else(|| wrong("root", "it is no 32 bytes in base64"))?;
        let rest: Vec<&str> = lines.collect();
        match rest.split_last() {
            Some((&"", extensions)) if !extensions.contains(&"") => {}
            _ => return Err(wrong("root", "a line after it is empty or cut off")),
        }
        Ok(Self {
            origin,
            head: Head { size, root },
        })
    }
}

impl SignedCheckpoint {
    /// What it says, which anybody could have written.
    #[must_use]
    pub const fn checkpoint_unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The digest of its text, by which an order names the last checkpoint that its requestor saw. Signatures do
    /// not change it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.note.text_unverified().as_bytes())
    }

    /// Adds a witness's signature: that it saw this and nothing that contradicts it, at this time in seconds since
    /// 1970. Whoever calls it has checked that.
    pub fn cosign(
        &mut self,
        name: Name,
        key: &SigningKey,
        at_seconds: u64,
    ) -> Result<(), CheckpointError> {
        Ok(self.note.cosign(name, key, at_seconds)?)
    }

    /// What it says, if whoever should have signed it did.
    pub fn open(&self, trust: &Trust) -> Result<Opened, CheckpointError> {
        let origin = &self.checkpoint.origin;
        if let Some(expected) = trust.origin.as_ref().filter(|expected| *expected != origin) {
            return Err(CheckpointError::WrongOrigin {
                found: origin.clone(),
                expected: expected.clone(),
            });
        }
        let key = VerifierKey::new(origin.clone(), Kind::Note, trust.log);
        let (_, witnesses) = self.note.verify(&key, &trust.witnesses)?;
        if witnesses.len() < trust.witnesses_min {
            return Err(CheckpointError::TooFewWitnesses {
                found: witnesses.len(),
                needed: trust.witnesses_min,
            });
        }
        Ok(Opened {
            checkpoint: self.checkpoint.clone(),
            witnesses,
        })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

impl FromStr for SignedCheckpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let note: SignedNote = text.parse()?;
        Ok(Self {
            checkpoint: note.text_unverified().parse()?,
            note,
        })
    }
}

/// A whole number without sign and needless zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// 32 bytes in base64.
pub(crate) fn hash(text: &str) -> Option<Digest> {
    // 44 characters are 32 bytes; longer texts are not worth decoding.
    if text.len() != 44 {
        return None;
    }
    let bytes = STANDARD.decode(text).ok()?;
    <[u8; 32]>::try_from(bytes).ok().map(Digest::from_bytes)
}

#[cfg(test)]
mod tests;
