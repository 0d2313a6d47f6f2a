//! Why something that a job asked for could not be had. Each message says what, and the way out.

use crate::nn::ErrorCode;

/// Why a call of this crate failed. Returned from the job, its message is the job's outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The order names no such input.
    #[error("there is no input `{name}`: the order names {names}")]
    InputNotFound {
        /// The name that was asked for.
        name: String,
        /// The names that there are, for people.
        names: String,
    },

    /// The input is larger than the memory that the job can have.
    #[error("input `{name}` with its {bytes} bytes does not fit into memory: read it in pieces")]
    InputTooLarge {
        /// The input's name.
        name: String,
        /// The input's size.
        bytes: u64,
    },

    /// The input is not UTF-8.
    #[error("input `{name}` is no text: the byte at {offset} is not UTF-8")]
    InputNotText {
        /// The input's name.
        name: String,
        /// Where the first wrong byte is.
        offset: usize,
    },

    /// The input is not the JSON that the job expects.
    #[cfg(feature = "json")]
    #[error("input `{name}` is not the JSON that this job expects: {cause}")]
    InputNotJson {
        /// The input's name.
        name: String,
        /// What is wrong, with line and column.
        #[source]
        cause: serde_json::Error,
    },

    /// The value has no form in JSON.
    #[cfg(feature = "json")]
    #[error("output `{name}` cannot be written as JSON: {cause}")]
    OutputNotJson {
        /// The output's name.
        name: String,
        /// What is wrong.
        #[source]
        cause: serde_json::Error,
    },

    /// An output cannot have this name.
    #[error(
        "an output cannot be named `{name}`: use 1 to 255 of `A-Z a-z 0-9 . _ - /`, \
         with no empty, `.` or `..` segment"
    )]
    OutputName {
        /// The name that was asked for.
        name: String,
    },

    /// The job has created an output of this name before.
    #[error("there is an output `{name}` already: create each output once, and keep it open")]
    OutputExists {
        /// The name that was asked for.
        name: String,
    },

    /// The job has as many outputs as it may.
    #[error("output `{name}` is one too many: write fewer outputs, or order with a higher limit")]
    OutputsTooMany {
        /// The name that was asked for.
        name: String,
    },

    /// A tensor's shape and its data do not go together.
    #[error("a tensor of shape {shape:?} holds {expected} elements, not {found}")]
    Shape {
        /// The shape.
        shape: Vec<u32>,
        /// How many elements that is, as text since it can exceed any integer.
        expected: String,
        /// How many there are.
        found: usize,
    },

    /// A tensor has more dimensions than one can have.
    #[error("a tensor has at most {} dimensions, not {rank}", crate::nn::RANK_MAX)]
    Rank {
        /// How many it has.
        rank: usize,
    },

    /// The tensors of a batch are of several shapes, or there are none.
    #[error("{}", batch_text(*row, expected, found))]
    Batch {
        /// Which of them is the first of another shape, counted from 0.
        row: usize,
        /// The shape of those before.
        expected: Vec<u32>,
        /// Its shape.
        found: Vec<u32>,
    },

    /// A model's output is not what the job asked for.
    #[error("the model's output `{name}` is {found}, not {expected}")]
    ModelOutput {
        /// The output tensor's name.
        name: String,
        /// What the job asked for.
        expected: String,
        /// What the model gave.
        found: String,
    },

    /// The provider could not load or run a model.
    #[error("{what} failed with `{}`{}: {}", code.name(), detail_text(detail), hint(*code))]
    Model {
        /// What was tried.
        what: String,
        /// The kind of failure.
        code: ErrorCode,
        /// What the provider says about it; may be empty.
        detail: String,
    },
}

impl Error {
    /// The kind of failure, if a model could not be loaded or run.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Model { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What to do about it, if a model could not be loaded or run. Other messages say it themselves.
    pub fn hint(&self) -> Option<&'static str> {
        self.code().map(hint)
    }
}

/// The result of a call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn batch_text(row: usize, expected: &[u32], found: &[u32]) -> String {
    if row == 0 {
        return "a batch has at least one tensor".to_string();
    }
    format!(
        "a batch is of one shape: number {row} of its tensors is of shape {found:?}, those before of {expected:?}"
    )
}

fn detail_text(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}

fn hint(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidArgument => "compare the names, types and shapes with the model's",
        ErrorCode::InvalidEncoding => "give a model in the ONNX format",
        ErrorCode::NotFound => "add the model to the order's inputs",
        ErrorCode::TooLarge => "use a smaller model or batch, or order with a higher limit",
        ErrorCode::UnsupportedOperation => "use a model of operators that the provider has",
        ErrorCode::Timeout | ErrorCode::RuntimeError | ErrorCode::Security | ErrorCode::Unknown => {
            "the provider says no more about it"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: Error, expected: &str) {
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn messages_name_what_and_the_way_out() {
        check(
            Error::InputNotFound {
                name: "a".into(),
                names: "`b`".into(),
            },
            "there is no input `a`: the order names `b`",
        );
        let model = |detail: &str| Error::Model {
            what: "loading the model `m`".into(),
            code: ErrorCode::InvalidEncoding,
            detail: detail.into(),
        };
        check(
            model(""),
            "loading the model `m` failed with `invalid-encoding`: give a model in the ONNX format",
        );
        check(
            model("no graph"),
            "loading the model `m` failed with `invalid-encoding` (no graph): \
             give a model in the ONNX format",
        );
        assert_eq!(model("").code(), Some(ErrorCode::InvalidEncoding));
        assert_eq!(model("").hint(), Some("give a model in the ONNX format"));
        let rank = Error::Rank { rank: 9 };
        assert_eq!((rank.code(), rank.hint()), (None, None));
        check(
            Error::Shape {
                shape: vec![2, 3],
                expected: "6".into(),
                found: 5,
            },
            "a tensor of shape [2, 3] holds 6 elements, not 5",
        );
    }
}
