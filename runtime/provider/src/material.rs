//! What an order names by digest: the program's bytes and the inputs. Checks that it is what it is
//! said to be; never runs it.

use std::io;

use meterbox_billing::digest::{Digest, Digester};
use meterbox_billing::job::Job;
use meterbox_sandbox::{Blob, Input};

/// The program and the inputs of a job.
#[derive(Clone)]
pub struct Material {
    /// The program, as WebAssembly.
    pub program: Vec<u8>,
    /// The inputs.
    pub inputs: Vec<Input>,
}

/// What came is not what the job names.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// The program is another one.
    #[error("the program has the digest {found}, the job names {expected}")]
    Program {
        /// The digest of what came.
        found: Digest,
        /// The digest that the job names.
        expected: Digest,
    },
    /// An input is missing.
    #[error("the input `{name}` is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// An input came that the job does not name.
    #[error("the input `{name}` is not part of the job")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// An input is another one.
    #[error(
        "the input `{name}` has the digest {found} and {found_bytes} bytes, the job names {expected} and {expected_bytes}"
    )]
    Input {
        /// Its name.
        name: String,
        /// The digest of what came.
        found: Digest,
        /// Its size.
        found_bytes: u64,
        /// The digest that the job names.
        expected: Digest,
        /// The size that the job names.
        expected_bytes: u64,
    },
    /// An input could not be read.
    #[error("the input `{name}` could not be read")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
}

impl Material {
    /// Checks the program's bytes, and that each input is there under the digest and size that the
    /// job names. Whoever made an [`Input`] vouches for its digest; [`Material::check_contents`]
    /// does not trust that.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, job: &Job) -> Result<(), MaterialError> {
        let found = Digest::of(&self.program);
        if found != job.module {
            return Err(MaterialError::Program {
                found,
                expected: job.module,
            });
        }
        if let Some(unknown) = self
            .inputs
            .iter()
            .find(|input| job.inputs.iter().all(|named| named.name != input.name))
        {
            return Err(MaterialError::Unknown {
                name: unknown.name.clone(),
            });
        }
        for named in &job.inputs {
            let Some(input) = self.inputs.iter().find(|input| input.name == named.name) else {
                return Err(MaterialError::Missing {
                    name: named.name.clone(),
                });
            };
            let (found, found_bytes) = (Digest::from_bytes(input.sha256), input.blob.size());
            if found != named.sha256 || found_bytes != named.bytes {
                return Err(MaterialError::Input {
                    name: named.name.clone(),
                    found,
                    found_bytes,
                    expected: named.sha256,
                    expected_bytes: named.bytes,
                });
            }
        }
        Ok(())
    }

    /// Digests the content of every input again: what a replay does, which trusts nobody.
    ///
    /// # Errors
    /// The first input whose content is not what it is said to be, or that cannot be read.
    pub fn check_contents(&self) -> Result<(), MaterialError> {
        for input in &self.inputs {
            let found = digest_of(&*input.blob).map_err(|source| MaterialError::Read {
                name: input.name.clone(),
                source,
            })?;
            let expected = Digest::from_bytes(input.sha256);
            if found != expected {
                let bytes = input.blob.size();
                return Err(MaterialError::Input {
                    name: input.name.clone(),
                    found,
                    found_bytes: bytes,
                    expected,
                    expected_bytes: bytes,
                });
            }
        }
        Ok(())
    }
}

fn digest_of(blob: &dyn Blob) -> io::Result<Digest> {
    let mut digester = Digester::new();
    let mut buffer = vec![0; 1 << 20];
    let (mut at, size) = (0, blob.size());
    while at < size {
        let length = usize::try_from(size - at).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        let piece = &mut buffer[..length];
        blob.read_at(at, piece)?;
        digester.update(piece);
        at = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
    Ok(digester.finish())
}
