//! Owns the record of a job's model calls, from which a replay can be steered. Runs no model.

use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, to_canonical_json};
use crate::digest::Digest;

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The model's bytes.
    pub model: Digest,
    /// The input tensors, in the order in which the guest gave them.
    pub inputs: Vec<Tensor>,
    /// The output tensors, in the model's order.
    pub outputs: Vec<Tensor>,
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

/// A tensor of a call, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Its bytes, with whatever its maker adds about type and shape.
    pub sha256: Digest,
}

/// Every call of a model that a job made, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// The calls.
    pub calls: Vec<Call>,
}

impl Transcript {
    /// The digest of its canonical form; a job that called no model has one too.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        to_canonical_json(self).map(|bytes| Digest::of(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_call_changes_the_digest() {
        let tensor = |name: &str| Tensor {
            name: name.into(),
            sha256: Digest::of(name.as_bytes()),
        };
        let call = Call {
            model: Digest::of(b"model"),
            inputs: vec![tensor("a")],
            outputs: vec![tensor("b")],
            operations: 1,
            weight_bytes: 2,
            tensor_bytes: 3,
        };
        let digest = |calls: Vec<Call>| Transcript { calls }.digest().unwrap();
        let all = [
            digest(vec![]),
            digest(vec![call.clone()]),
            digest(vec![call.clone(), call.clone()]),
            digest(vec![Call {
                model: Digest::of(b"other"),
                ..call.clone()
            }]),
            digest(vec![Call {
                inputs: vec![],
                ..call.clone()
            }]),
            digest(vec![Call {
                outputs: vec![tensor("a")],
                ..call.clone()
            }]),
            digest(vec![Call {
                operations: 9,
                ..call.clone()
            }]),
            digest(vec![Call {
                weight_bytes: 9,
                ..call.clone()
            }]),
            digest(vec![Call {
                tensor_bytes: 9,
                ..call
            }]),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all[0], Digest::of(br#"{"calls":[]}"#));
    }
}
