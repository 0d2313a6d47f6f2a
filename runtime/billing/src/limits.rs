//! Owns every bound of a job, with its default. Enforces none: the sandbox does.

use serde::{Deserialize, Serialize};

use crate::usage::Usage;

/// Bytes of a page of linear memory.
pub const PAGE_BYTES: u64 = 65_536;

/// Why limits, or a usage, are beyond what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// An order asks for more than the provider offers.
    #[error("it asks for {asked} as `{field}`, this provider allows at most {allowed}")]
    TooMuchAsked {
        /// The field of [`Limits`].
        field: &'static str,
        /// What was asked for.
        asked: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// A usage is more than the limits that it is said to have kept.
    #[error("the usage `{field}` is {used}, its limit is {allowed}")]
    UsedTooMuch {
        /// What was counted.
        field: &'static str,
        /// How much of it.
        used: u128,
        /// What the limits allow.
        allowed: u128,
    },
    /// There is no such limit.
    #[error("there is no limit `{field}`")]
    Unknown {
        /// The name that was given.
        field: String,
    },
}

impl LimitError {
    /// What the person who reads the error can do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::TooMuchAsked { field, .. } => {
                format!("lower `{field}`, or choose another provider")
            }
            Self::UsedTooMuch { .. } => "the receipt contradicts itself: dispute it".to_owned(),
            Self::Unknown { .. } => format!("the limits are {}", Limits::FIELDS.join(", ")),
        }
    }
}

/// One list of limits makes the struct, its defaults and access by name.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:literal;)+) => {
        /// Every bound of a job. A counted one that is reached ends the job as `limit` with the
        /// field's name; memories and tables fail to grow, and a guest is told that it has enough
        /// outputs. All of it is the same on every machine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Limits {
            $($(#[doc = $doc])+ #[serde(with = "crate::decimal")] pub $name: u64,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default),+ }
            }
        }

        impl Limits {
            /// The name of every limit.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($name)),+];

            /// The limit of this name.
            #[must_use]
            pub fn get(&self, field: &str) -> Option<u64> {
                match field {
                    $(stringify!($name) => Some(self.$name),)+
                    _ => None,
                }
            }

            /// Sets the limit of this name.
            pub fn set(&mut self, field: &str, value: u64) -> Result<(), LimitError> {
                match field {
                    $(stringify!($name) => self.$name = value,)+
                    _ => return Err(LimitError::Unknown { field: field.chars().take(48).collect() }),
                }
                Ok(())
            }

            /// What the limit of this name bounds, and why its default is what it is.
            #[must_use]
            pub fn about(field: &str) -> Option<&'static str> {
                match field {
                    $(stringify!($name) => Some(concat!($($doc),+).trim_ascii()),)+
                    _ => None,
                }
            }
        }
    };
}

limits! {
    /// Weighted instructions. By default 10^11, about 100 seconds of one core.
    instructions = 100_000_000_000;
    /// Bytes of all linear memories together; and, apart from these, of all tensors that the host holds
    /// for the job. By default 512 MiB, so that a small machine can run several jobs.
    memory_bytes = 536_870_912;
    /// Units of stack: frames and locals as the meter counts them. By default 2^21, some thousands of
    /// plain frames, and far below the host's own stack.
    stack_units = 2_097_152;
    /// Elements of all tables together. By default a million, so that no table takes more than a few
    /// megabytes of the host.
    table_elements = 1_000_000;
    /// Weighted host calls. By default 10^9, two million of the cheapest: a job that calls more often
    /// is better off with larger pieces.
    host_calls = 1_000_000_000;
    /// Bytes that host calls deliver to the guest. By default 4 GiB, what a 32-bit guest can hold.
    bytes_in = 4_294_967_296;
    /// Bytes that host calls take from the guest, outputs and logs together. By default 1 GiB,
    /// which fits in memory.
    bytes_out = 1_073_741_824;
    /// Outputs. By default 1024, so that a receipt stays small.
    outputs = 1_024;
    /// Files, folders and links in `/out` and `/tmp` at one time. By default 10,000, more than programs
    /// that keep temporary files use.
    files = 10_000;
    /// Bytes of all files in `/out` and `/tmp` together. By default 1 GiB, as much as may be written.
    file_bytes = 1_073_741_824;
    /// Folders within each other, below `/out` and below `/tmp`. By default 64, deeper than people
    /// or build tools nest them.
    folder_depth = 64;
    /// Lines that the job logs. By default 10,000, more than anybody reads.
    log_lines = 10_000;
    /// Bytes that the job logs. By default 16 MiB, which a provider can keep for each of many jobs.
    log_bytes = 16_777_216;
    /// Reports of progress. By default 100,000, one for each thousandth of a percent.
    progress_events = 100_000;
    /// Host objects open at once. By default 10,000, more than operating systems give a process.
    handles = 10_000;
    /// Bytes of all loaded models together. By default 1 GiB, enough for what a processor runs well.
    model_bytes = 1_073_741_824;
    /// Model operations of all precisions together. By default 10^13, about a quarter of an hour of
    /// one core.
    inference_ops = 10_000_000_000_000;
    /// Bytes of model weights read. By default 10^13, as many as operations: what streams weights
    /// computes once with each.
    inference_weight_bytes = 10_000_000_000_000;
    /// Bytes of tensors into and out of models. By default 10^11, about 100 seconds of copying.
    inference_tensor_bytes = 100_000_000_000;
    /// Tokens of prompts, computed or cached, and of output together. By default 10 million, about
    /// a library shelf.
    tokens = 10_000_000;
    /// Units of checking and compiling the module. By default 10^10: whole language runtimes
    /// take some hundred millions.
    admission_units = 10_000_000_000;
}

impl Limits {
    /// Fails on the first limit that is above `max`'s.
    pub fn check_within(&self, max: &Self) -> Result<(), LimitError> {
        for field in Self::FIELDS {
            if let (Some(asked), Some(allowed)) = (self.get(field), max.get(field))
                && asked > allowed
            {
                return Err(LimitError::TooMuchAsked {
                    field,
                    asked,
                    allowed,
                });
            }
        }
        Ok(())
    }

    /// Pages that fit the memory limit.
    #[must_use]
    pub const fn memory_pages(&self) -> u64 {
        self.memory_bytes.div_ceil(PAGE_BYTES)
    }

    /// The most page-instructions that a job within these limits can use: every page for as long
    /// as the job may run. Two 64-bit factors cannot overflow 128 bits.
    #[must_use]
    pub fn memory_page_instructions(&self) -> u128 {
        u128::from(self.memory_pages()).saturating_mul(u128::from(self.instructions))
    }

    /// The most model-byte-instructions that a job within these limits can use.
    #[must_use]
    pub fn inference_model_byte_instructions(&self) -> u128 {
        u128::from(self.model_bytes).saturating_mul(u128::from(self.instructions))
    }

    /// Fails on the first count that no job within these limits can have. What this accepts never
    /// costs more than the ceiling.
    pub fn check_usage(&self, usage: &Usage) -> Result<(), LimitError> {
        let bounds = [
            ("instructions", usage.instructions, self.instructions.into()),
            (
                "memory_page_instructions",
                usage.memory_page_instructions,
                self.memory_page_instructions(),
            ),
            (
                "memory_pages_peak",
                usage.memory_pages_peak,
                self.memory_pages().into(),
            ),
            ("host_calls", usage.host_calls, self.host_calls.into()),
            ("bytes_in", usage.bytes_in, self.bytes_in.into()),
            ("bytes_out", usage.bytes_out, self.bytes_out.into()),
            (
                "inference_ops",
                usage.inference_ops(),
                self.inference_ops.into(),
            ),
            (
                "inference_weight_bytes",
                usage.inference_weight_bytes,
                self.inference_weight_bytes.into(),
            ),
            (
                "inference_tensor_bytes",
                usage.inference_tensor_bytes,
                self.inference_tensor_bytes.into(),
            ),
            (
                "inference_model_byte_instructions",
                usage.inference_model_byte_instructions,
                self.inference_model_byte_instructions(),
            ),
            ("tokens", usage.tokens(), self.tokens.into()),
            (
                "admission_units",
                usage.admission_units,
                self.admission_units.into(),
            ),
        ];
        match bounds.into_iter().find(|(_, used, allowed)| used > allowed) {
            Some((field, used, allowed)) => Err(LimitError::UsedTooMuch {
                field,
                used,
                allowed,
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_found_by_name_and_refused_one_above_the_maximum() {
        let max = Limits::default();
        for field in Limits::FIELDS {
            let mut asked = max;
            assert_eq!(asked.check_within(&max), Ok(()));
            let allowed = asked.get(field).unwrap();
            asked.set(field, allowed + 1).unwrap();
            assert_eq!(
                asked.check_within(&max),
                Err(LimitError::TooMuchAsked {
                    field,
                    asked: allowed + 1,
                    allowed
                })
            );
            assert!(asked.check_within(&max).unwrap_err().hint().contains(field));
            assert!(Limits::about(field).unwrap().contains("default"));
        }
        assert!(Limits::default().set("speed", 1).is_err());
        assert_eq!(max.get("speed"), None);
    }

    #[test]
    fn limits_are_decimal_strings_and_nothing_else() {
        let json = serde_json::to_string(&Limits::default()).unwrap();
        assert!(json.starts_with(r#"{"instructions":"100000000000","memory_bytes":"536870912""#));
        assert_eq!(
            serde_json::from_str::<Limits>(&json).unwrap(),
            Limits::default()
        );
        assert!(serde_json::from_str::<Limits>(&json.replace("\"1024\"", "1024")).is_err());
        assert!(serde_json::from_str::<Limits>(&json.replace("handles", "hands")).is_err());
    }

    #[test]
    fn usage_beyond_a_limit_is_named() {
        let limits = Limits {
            inference_ops: 10,
            ..Limits::default()
        };
        let at = Usage {
            inference_ops_f32: 6,
            inference_ops_i8: 4,
            ..Usage::default()
        };
        assert_eq!(limits.check_usage(&at), Ok(()));
        let above = Usage {
            inference_ops_i4: 1,
            ..at
        };
        assert_eq!(
            limits.check_usage(&above),
            Err(LimitError::UsedTooMuch {
                field: "inference_ops",
                used: 11,
                allowed: 10
            })
        );
    }
}
