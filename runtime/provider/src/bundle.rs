//! A transcript with its tensors in one file: written while a job runs, and read by whoever replays it. Knows
//! no job and no receipt; decides nothing.
//!
//! The file has three parts: each distinct tensor that a model gave, encoded, in the order in which they were
//! first given; the transcript's canonical bytes; and their number in 8 bytes, little-endian, followed by
//! [`MAGIC`]. So it can be written as a job goes on, and nothing in it is anything but what its digest says.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use meterbox_billing::canonical::CanonicalError;
use meterbox_billing::digest::{Digest, Digester};
use meterbox_billing::transcript::{TRANSCRIPT_SCHEMA, Transcript};
use meterbox_inference::Tensor;
use meterbox_sandbox::{TENSOR_HEAD_BYTES_MAX, TensorHead, tensor_digest, tensor_head};
use tempfile::NamedTempFile;

/// What such a file ends with.
pub const MAGIC: &[u8; 22] = b"meterbox transcript 1\n";

const TRAILER_BYTES: u64 = 8 + 22;

/// Bytes of a transcript's canonical form that are read: half a million calls.
pub const TRANSCRIPT_BYTES_MAX: u64 = 256 << 20;

/// Bytes of a tensor that are read at once to be digested.
const PIECE_BYTES: usize = 1 << 20;

/// Why a transcript cannot be kept or used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be written.
    #[error("the transcript `{}` could not be written", .path.display())]
    Write {
        /// The file, or its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("the transcript could not be read")]
    Read(#[from] io::Error),
    /// The file is no transcript, or was cut off.
    #[error("the file is no whole transcript: {0}")]
    Malformed(&'static str),
    /// The transcript is longer than any that is read.
    #[error("the transcript has {bytes} bytes, at most {TRANSCRIPT_BYTES_MAX} are read")]
    TooLarge {
        /// How many it has.
        bytes: u64,
    },
    /// It is another transcript than the one that was asked for.
    #[error("the transcript has the digest {found}, the receipt names {expected}")]
    OtherTranscript {
        /// The digest of the one in the file.
        found: Digest,
        /// The one that was asked for.
        expected: Digest,
    },
    /// A tensor is missing.
    #[error("output `{output}` of call {call} is missing: its digest is {expected}")]
    MissingTensor {
        /// The first call that gave it.
        call: u64,
        /// The output's name.
        output: String,
        /// Its digest.
        expected: Digest,
    },
    /// A tensor has other bytes than those that the model gave.
    #[error(
        "output `{output}` of call {call} has the digest {found}, the transcript says {expected}"
    )]
    AlteredTensor {
        /// The first call that gave it.
        call: u64,
        /// The output's name.
        output: String,
        /// The digest of the bytes in its place.
        found: Digest,
        /// The one that it should have.
        expected: Digest,
    },
    /// There are more tensors than the calls gave.
    #[error("there is a tensor that no call gave: its digest is {found}")]
    UnknownTensor {
        /// Its digest.
        found: Digest,
    },
    /// The transcript has no canonical form.
    #[error("the transcript cannot be written in its canonical form")]
    Canonical(#[from] CanonicalError),
}

/// How the name of a file begins that is not finished. It is locked by whoever writes it.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// A transcript's file in the making.
pub struct BundleWriter {
    folder: PathBuf,
    file: Option<BufWriter<NamedTempFile>>,
    written: HashSet<[u8; 32]>,
}

impl BundleWriter {
    /// One that is to lie in this folder, which it makes with its first tensor.
    #[must_use]
    pub fn new(folder: &Path) -> BundleWriter {
        BundleWriter {
            folder: folder.to_path_buf(),
            file: None,
            written: HashSet::new(),
        }
    }

    /// Forgets what has been written.
    pub fn begin_again(&mut self) {
        self.written.clear();
        self.file = None;
    }

    /// Appends a tensor, unless it is there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, tensor: &Tensor) -> Result<(), BundleError> {
        if !self.written.insert(tensor_digest(tensor)) {
            return Ok(());
        }
        self.write(&[&tensor_head(tensor), tensor.data()])
    }

    /// Appends the transcript, and gives the file this name once it is on disk.
    ///
    /// # Errors
    /// If an output of the transcript was not added, or the file cannot be written.
    pub fn finish(mut self, transcript: &Transcript, path: &Path) -> Result<(), BundleError> {
        for (call, output, expected) in given(transcript) {
            if !self.written.contains(expected.as_bytes()) {
                return Err(BundleError::MissingTensor {
                    call,
                    output: output.to_owned(),
                    expected,
                });
            }
        }
        let bytes = transcript.bytes()?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.write(&[&bytes, &length.to_le_bytes(), MAGIC])?;
        let failed = |source| BundleError::Write {
            path: path.to_path_buf(),
            source,
        };
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let file = file.into_inner().map_err(|error| failed(error.into()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<(), BundleError> {
        let folder = &self.folder;
        let failed = |source| BundleError::Write {
            path: folder.clone(),
            source,
        };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                std::fs::create_dir_all(folder).map_err(failed)?;
                let mut named = tempfile::Builder::new();
                let file = named.prefix(UNFINISHED).tempfile_in(folder);
                let file = file.map_err(failed)?;
                // For as long as this process lives: so it is known which nobody finishes any more.
                file.as_file().lock().map_err(failed)?;
                self.file.insert(BufWriter::new(file))
            }
        };
        for part in parts {
            file.write_all(part).map_err(failed)?;
        }
        Ok(())
    }
}

/// Each output of each call, in their order: the call's number, its name, its digest.
fn given(transcript: &Transcript) -> impl Iterator<Item = (u64, &str, Digest)> {
    (0..).zip(&transcript.calls).flat_map(|(number, call)| {
        let outputs = call.outputs.iter();
        outputs.map(move |output| (number, output.name.as_str(), output.sha256))
    })
}

/// Where a tensor lies in the file.
#[derive(Debug, Clone)]
struct Place {
    data_from: u64,
    head: TensorHead,
}

/// A transcript whose file is whole: each tensor that its calls gave is there, and has its digest.
#[derive(Debug)]
pub struct Recorded {
    transcript: Transcript,
    digest: Digest,
    file: File,
    tensors: HashMap<Digest, Place>,
}

impl Recorded {
    /// Reads the transcript of this digest, and digests every tensor.
    ///
    /// # Errors
    /// If the file is damaged, incomplete or of another transcript: the first thing that is wrong.
    pub fn open(mut file: File, expected: &Digest) -> Result<Recorded, BundleError> {
        let size = file.seek(SeekFrom::End(0))?;
        let (transcript, digest, tensors_end) = read_transcript(&file, size)?;
        if digest != *expected {
            return Err(BundleError::OtherTranscript {
                found: digest,
                expected: *expected,
            });
        }
        if transcript.schema != TRANSCRIPT_SCHEMA {
            return Err(BundleError::Malformed("it has another schema"));
        }
        let tensors = read_tensors(&file, tensors_end, &transcript)?;
        Ok(Recorded {
            transcript,
            digest,
            file,
            tensors,
        })
    }

    /// The transcript.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The digest by which a receipt names it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many calls it has.
    #[must_use]
    pub fn calls(&self) -> u64 {
        u64::try_from(self.transcript.calls.len()).unwrap_or(u64::MAX)
    }

    /// The tensor of this digest, which one of its calls gave.
    ///
    /// # Errors
    /// If the file can no longer be read.
    pub fn tensor(&self, digest: &Digest) -> Result<Tensor, BundleError> {
        const GONE: BundleError = BundleError::Malformed("a tensor is no longer there");
        let place = self.tensors.get(digest).ok_or(GONE)?;
        let length = usize::try_from(place.head.data_bytes).map_err(|_| GONE)?;
        let mut data = vec![0; length];
        self.file.read_exact_at(&mut data, place.data_from)?;
        place.head.clone().with_data(data).ok_or(GONE)
    }
}

/// The transcript, its digest, and where it begins.
fn read_transcript(file: &File, size: u64) -> Result<(Transcript, Digest, u64), BundleError> {
    const CUT: BundleError = BundleError::Malformed("it does not end as transcripts do");
    let trailer_from = size.checked_sub(TRAILER_BYTES).ok_or(CUT)?;
    let mut trailer = [0; 8 + MAGIC.len()];
    file.read_exact_at(&mut trailer, trailer_from)?;
    let (length, magic) = trailer.split_first_chunk::<8>().ok_or(CUT)?;
    if magic != MAGIC {
        return Err(CUT);
    }
    let length = u64::from_le_bytes(*length);
    if length > TRANSCRIPT_BYTES_MAX {
        return Err(BundleError::TooLarge { bytes: length });
    }
    let from = trailer_from
        .checked_sub(length)
        .ok_or(BundleError::Malformed("it is shorter than its transcript"))?;
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| CUT)?];
    file.read_exact_at(&mut bytes, from)?;
    let transcript = serde_json::from_slice(&bytes)
        .map_err(|_| BundleError::Malformed("what should be its transcript is none"))?;
    Ok((transcript, Digest::of(&bytes), from))
}

/// Digests every tensor before `end`, and checks that they are those that the calls gave, in their order.
fn read_tensors(
    file: &File,
    end: u64,
    transcript: &Transcript,
) -> Result<HashMap<Digest, Place>, BundleError> {
    let mut seen = HashSet::new();
    let mut expected = given(transcript)
        .filter(|(.., digest)| seen.insert(*digest))
        .peekable();
    let mut tensors = HashMap::new();
    let mut at = 0;
    while at < end {
        let (digest, place) = read_tensor(file, at, end)?;
        at = place.data_from.saturating_add(place.head.data_bytes);
        let Some((call, output, named)) = expected.next() else {
            return Err(BundleError::UnknownTensor { found: digest });
        };
        if digest != named {
            let output = output.to_owned();
            let is_left_out = expected.peek().is_some_and(|(.., next)| *next == digest);
            return Err(if is_left_out {
                BundleError::MissingTensor {
                    call,
                    output,
                    expected: named,
                }
            } else {
                BundleError::AlteredTensor {
                    call,
                    output,
                    found: digest,
                    expected: named,
                }
            });
        }
        tensors.insert(digest, place);
    }
    match expected.next() {
        None => Ok(tensors),
        Some((call, output, expected)) => Err(BundleError::MissingTensor {
            call,
            output: output.to_owned(),
            expected,
        }),
    }
}

fn read_tensor(file: &File, at: u64, end: u64) -> Result<(Digest, Place), BundleError> {
    const NONE: BundleError = BundleError::Malformed("what should be a tensor is none");
    let left = usize::try_from(end - at).unwrap_or(usize::MAX);
    let mut start = vec![0; left.min(TENSOR_HEAD_BYTES_MAX)];
    file.read_exact_at(&mut start, at)?;
    let head = TensorHead::read(&start).ok_or(NONE)?;
    let mut digester = Digester::new();
    digester.update(start.get(..head.head_bytes).ok_or(NONE)?);
    let data_from = at + u64::try_from(head.head_bytes).map_err(|_| NONE)?;
    let data_to = data_from.checked_add(head.data_bytes).ok_or(NONE)?;
    if data_to > end {
        return Err(NONE);
    }
    let mut piece = vec![0; PIECE_BYTES];
    let mut from = data_from;
    while from < data_to {
        let length =
            usize::try_from(data_to - from).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        file.read_exact_at(&mut piece[..length], from)?;
        digester.update(&piece[..length]);
        from += u64::try_from(length).map_err(|_| NONE)?;
    }
    Ok((digester.finish(), Place { data_from, head }))
}

#[cfg(test)]
mod tests;
