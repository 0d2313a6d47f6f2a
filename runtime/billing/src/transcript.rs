//! Owns the record of a job's model calls, from which a replay can be steered. Runs no model, and keeps no
//! tensor.

use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, to_canonical_json};
use crate::digest::Digest;

/// The version of the transcript's form.
pub const TRANSCRIPT_SCHEMA: u32 = 1;

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The model's bytes.
    pub model: Digest,
    /// The input tensors, in the order in which the guest gave them.
    pub inputs: Vec<Tensor>,
    /// The output tensors, in the model's order; none of a call that failed.
    pub outputs: Vec<Tensor>,
    /// What the guest was told, of a call that failed after it was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<CallFailure>,
    /// Weighted operations that the call was charged.
    #[serde(with = "crate::decimal")]
    pub operations: u128,
    /// Bytes of weights that it was charged.
    #[serde(with = "crate::decimal")]
    pub weight_bytes: u128,
    /// Bytes of tensors that it was charged.
    #[serde(with = "crate::decimal")]
    pub tensor_bytes: u128,
}

/// Why a call failed, as far as the guest learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFailure {
    /// What was given does not fit the model.
    InvalidArgument,
    /// The model is none after all.
    InvalidEncoding,
    /// The backend could not compute.
    RuntimeError,
    /// Something that the backend does not support.
    UnsupportedOperation,
    /// Beyond a limit.
    TooLarge,
    /// The model is not there.
    NotFound,
}

/// A tensor of a call, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Its type, dimensions and data, as the specification's I16 puts them.
    pub sha256: Digest,
}

/// Every call of a model that a job was charged for, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// [`TRANSCRIPT_SCHEMA`].
    pub schema: u32,
    /// The calls.
    pub calls: Vec<Call>,
}

impl Default for Transcript {
    /// Of a job that called no model.
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Transcript {
    /// Of these calls.
    #[must_use]
    pub const fn of(calls: Vec<Call>) -> Self {
        Self {
            schema: TRANSCRIPT_SCHEMA,
            calls,
        }
    }

    /// Its canonical bytes, which a receipt names by their digest.
    pub fn bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        to_canonical_json(self)
    }

    /// The digest of its canonical form; a job that called no model has one too.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        self.bytes().map(|bytes| Digest::of(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str) -> Tensor {
        Tensor {
            name: name.into(),
            sha256: Digest::of(name.as_bytes()),
        }
    }

    fn call() -> Call {
        Call {
            model: Digest::of(b"model"),
            inputs: vec![tensor("a")],
            outputs: vec![tensor("b")],
            failed: None,
            operations: 1,
            weight_bytes: 2,
            tensor_bytes: 3,
        }
    }

    #[test]
    fn every_part_of_a_call_changes_the_digest() {
        let digest = |calls: Vec<Call>| Transcript::of(calls).digest().unwrap();
        let all = [
            digest(vec![]),
            digest(vec![call()]),
            digest(vec![call(), call()]),
            digest(vec![Call {
                model: Digest::of(b"other"),
                ..call()
            }]),
            digest(vec![Call {
                inputs: vec![],
                ..call()
            }]),
            digest(vec![Call {
                outputs: vec![tensor("a")],
                ..call()
            }]),
            digest(vec![Call {
                failed: Some(CallFailure::RuntimeError),
                ..call()
            }]),
            digest(vec![Call {
                failed: Some(CallFailure::TooLarge),
                ..call()
            }]),
            digest(vec![Call {
                operations: 9,
                ..call()
            }]),
            digest(vec![Call {
                weight_bytes: 9,
                ..call()
            }]),
            digest(vec![Call {
                tensor_bytes: 9,
                ..call()
            }]),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all[0], Digest::of(br#"{"calls":[],"schema":1}"#));
    }

    #[test]
    fn a_transcript_is_canonical_json_and_comes_back() {
        let failed = Call {
            outputs: vec![],
            failed: Some(CallFailure::RuntimeError),
            ..call()
        };
        let transcript = Transcript::of(vec![failed]);
        let text = String::from_utf8(transcript.bytes().unwrap()).unwrap();
        let (model, a) = (Digest::of(b"model"), Digest::of(b"a"));
        assert_eq!(
            text,
            format!(
                "{{\"calls\":[{{\"failed\":\"runtime_error\",\
                 \"inputs\":[{{\"name\":\"a\",\"sha256\":\"{a}\"}}],\"model\":\"{model}\",\
                 \"operations\":\"1\",\"outputs\":[],\"tensor_bytes\":\"3\",\
                 \"weight_bytes\":\"2\"}}],\"schema\":1}}"
            )
        );
        assert_eq!(
            serde_json::from_str::<Transcript>(&text).unwrap(),
            transcript
        );
        let more = text.replace("\"schema\":1", "\"schema\":1,\"seed\":1");
        assert!(serde_json::from_str::<Transcript>(&more).is_err());
    }
}
