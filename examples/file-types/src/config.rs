//! What belongs to a model: how it wants to see a file, what it calls the types, and how sure it
//! has to be.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A block larger than this is none that a model of this kind was trained with, and would only
/// fill the job's memory.
const BLOCK_BYTES_MAX: usize = 1024 * 1024;

/// The model's configuration, as published beside it.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// How many bytes of a file's beginning the model sees.
    pub beg_size: usize,
    /// How many bytes of its middle; only 0 is supported.
    pub mid_size: usize,
    /// How many bytes of its end.
    pub end_size: usize,
    /// Whether it sees bytes at fixed offsets; not supported.
    pub use_inputs_at_offsets: bool,
    /// How much is read at each end of a file to find those bytes in.
    pub block_size: usize,
    /// The token that stands where a short file has no byte.
    pub padding_token: i32,
    /// With fewer bytes than this, a file is not for the model.
    pub min_file_size_for_dl: usize,
    /// How sure the model has to be of a type that `thresholds` does not name.
    pub medium_confidence_threshold: f32,
    /// How sure it has to be of these.
    pub thresholds: BTreeMap<String, f32>,
    /// The types that people know under another name.
    pub overwrite_map: BTreeMap<String, String>,
    /// The name of each of the model's scores.
    pub target_labels_space: Vec<String>,
}

impl Config {
    /// Refuses what this job cannot serve, before anything is paid for it.
    pub fn check(&self) -> Result<(), String> {
        let refuse = |what: String| Err(format!("the input `config` {what}"));
        if self.mid_size != 0 || self.use_inputs_at_offsets {
            return refuse("is for a model that sees more than a file's two ends".into());
        }
        if self.block_size > BLOCK_BYTES_MAX {
            return refuse(format!(
                "asks for blocks of more than {BLOCK_BYTES_MAX} bytes"
            ));
        }
        if self.beg_size > self.block_size || self.end_size > self.block_size {
            return refuse("has a block size less than what the model sees of it".into());
        }
        if self.min_file_size_for_dl == 0 || self.min_file_size_for_dl > self.beg_size {
            return refuse("has a least file size that is not within the beginning".into());
        }
        if self.target_labels_space.is_empty() {
            return refuse("names no types".into());
        }
        Ok(())
    }

    /// How many tokens the model sees of a file.
    pub fn tokens(&self) -> usize {
        self.beg_size + self.end_size
    }

    /// How many types the model knows.
    pub fn labels(&self) -> usize {
        self.target_labels_space.len()
    }

    /// How sure the model has to be of this type.
    pub fn threshold(&self, label: &str) -> f32 {
        self.thresholds
            .get(label)
            .copied()
            .unwrap_or(self.medium_confidence_threshold)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A small configuration: four bytes at each end of blocks of eight.
    pub fn small() -> Config {
        Config {
            beg_size: 4,
            mid_size: 0,
            end_size: 4,
            use_inputs_at_offsets: false,
            block_size: 8,
            padding_token: 256,
            min_file_size_for_dl: 2,
            medium_confidence_threshold: 0.5,
            thresholds: BTreeMap::from([("sql".into(), 0.9)]),
            overwrite_map: BTreeMap::from([("randomtxt".into(), "txt".into())]),
            target_labels_space: ["png", "sql", "randomtxt"].map(String::from).to_vec(),
        }
    }

    #[test]
    fn unsupported_configurations_are_refused() {
        let check = |change: fn(&mut Config), expected: &str| {
            let mut config = small();
            change(&mut config);
            assert!(config.check().unwrap_err().contains(expected));
        };
        assert_eq!(small().check(), Ok(()));
        check(|config| config.mid_size = 1, "two ends");
        check(|config| config.use_inputs_at_offsets = true, "two ends");
        check(|config| config.beg_size = 9, "block size");
        check(
            |config| config.block_size = BLOCK_BYTES_MAX + 1,
            "blocks of more",
        );
        check(|config| config.min_file_size_for_dl = 0, "least file size");
        check(|config| config.min_file_size_for_dl = 5, "least file size");
        check(|config| config.target_labels_space.clear(), "no types");
    }
}
