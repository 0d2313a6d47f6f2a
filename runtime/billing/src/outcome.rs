//! Owns how a job ended. What it costs is the bill's, why a host failed is the fault's.

use serde::{Deserialize, Serialize};

use crate::text::{Id, Message};

/// How a job ended: the guest's own doing, and the same on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It did what it was to do.
    Ok {},
    /// The guest said that it failed.
    Failed {
        /// In its own words, cut to a bounded length.
        message: Message,
        /// The exit code of a command; absent for a job that returned an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u32>,
    },
    /// It broke a rule of WebAssembly, or panicked.
    Trapped {
        /// Which, as a code such as `unreachable` or `out_of_bounds_memory`.
        trap: Id,
    },
    /// It reached one of its limits.
    Limit {
        /// The name of the field in its limits.
        which: Id,
    },
    /// Somebody ended it early.
    Stopped {
        /// Who.
        by: Stopper,
        /// Whether it was killed between host calls, so that nothing could be counted.
        killed: bool,
    },
}

/// Who ended a job early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopper {
    /// Who ordered it.
    Requestor,
    /// Who ran it.
    Provider,
}

impl Outcome {
    /// The job did what it was to do.
    pub const OK: Self = Self::Ok {};

    /// The value of `kind` in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ok {} => "ok",
            Self::Failed { .. } => "failed",
            Self::Trapped { .. } => "trapped",
            Self::Limit { .. } => "limit",
            Self::Stopped { .. } => "stopped",
        }
    }
}

/// A failure of the provider. Never an outcome and never billed: it is recorded instead of a
/// receipt, and the hold on the requestor's budget is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What failed, in the provider's words.
    pub reason: Message,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_json_form() {
        for (outcome, json) in [
            (Outcome::OK, r#"{"kind":"ok"}"#),
            (
                Outcome::Failed {
                    message: Message::cut("no"),
                    code: Some(3),
                },
                r#"{"kind":"failed","message":"no","code":3}"#,
            ),
            (
                Outcome::Failed {
                    message: Message::cut("no"),
                    code: None,
                },
                r#"{"kind":"failed","message":"no"}"#,
            ),
            (
                Outcome::Trapped {
                    trap: "unreachable".parse().unwrap(),
                },
                r#"{"kind":"trapped","trap":"unreachable"}"#,
            ),
            (
                Outcome::Limit {
                    which: "instructions".parse().unwrap(),
                },
                r#"{"kind":"limit","which":"instructions"}"#,
            ),
            (
                Outcome::Stopped {
                    by: Stopper::Requestor,
                    killed: true,
                },
                r#"{"kind":"stopped","by":"requestor","killed":true}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&outcome).unwrap(), json);
            assert_eq!(serde_json::from_str::<Outcome>(json).unwrap(), outcome);
            assert!(json.contains(outcome.kind()));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for json in [
            r#"{"kind":"fault"}"#,
            r#"{"kind":"ok","extra":1}"#,
            r#"{"kind":"limit"}"#,
            r#"{"kind":"limit","which":""}"#,
            r#"{"kind":"failed","message":"x","code":"3"}"#,
        ] {
            assert!(serde_json::from_str::<Outcome>(json).is_err(), "{json}");
        }
    }
}
