//! Owns what a job is: a module and everything it is given. Runs nothing and holds no content.

use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, to_canonical_json};
use crate::digest::Digest;

/// More inputs belong in an archive; a receipt names each.
pub const INPUTS_MAX: usize = 1024;
/// Arguments and environment together; what operating systems give a process.
pub const WORDS_BYTES_MAX: usize = 128 * 1024;
/// The longest name that file systems keep.
pub const NAME_BYTES_MAX: usize = 255;

/// Why a job makes no sense, whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// A name that a file could not have.
    #[error(
        "`{name}` is no name: 1 to {NAME_BYTES_MAX} bytes of `A-Z a-z 0-9 . _ - /` are, with no empty, `.` or `..` segment"
    )]
    Name {
        /// The name, cut to a readable length.
        name: String,
    },
    /// Two inputs of one name.
    #[error("two inputs have the name `{name}`")]
    DuplicateInput {
        /// The name.
        name: String,
    },
    /// Two outputs of one name.
    #[error("two outputs have the name `{name}`")]
    DuplicateOutput {
        /// The name.
        name: String,
    },
    /// Two environment variables of one name.
    #[error("the environment names `{name}` twice")]
    DuplicateVariable {
        /// The name.
        name: String,
    },
    /// Inputs or variables that are not sorted by name.
    #[error("the {what} are not sorted by name")]
    Unsorted {
        /// Which.
        what: &'static str,
    },
    /// More inputs than [`INPUTS_MAX`].
    #[error("the job has {count} inputs, at most {INPUTS_MAX} are allowed")]
    TooManyInputs {
        /// How many.
        count: usize,
    },
    /// Longer arguments and environment than [`WORDS_BYTES_MAX`].
    #[error("arguments and environment have {bytes} bytes, at most {WORDS_BYTES_MAX} are allowed")]
    TooManyWords {
        /// How many bytes, one for each word's end included.
        bytes: usize,
    },
    /// A word that WASI could not pass on.
    #[error(
        "an argument or environment variable holds a zero byte, or a variable's name `=` or nothing"
    )]
    Word,
}

/// A named blob, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// Its name, as the guest sees it.
    pub name: String,
    /// The digest of its content.
    pub sha256: Digest,
    /// How many bytes it has.
    #[serde(with = "crate::decimal")]
    pub bytes: u64,
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A module and everything that it is given. With the limits and the inference transcript, this
/// decides what is metered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The digest of the WebAssembly module or component, as its author wrote it.
    pub module: Digest,
    /// Sorted by name, each name once.
    pub inputs: Vec<Blob>,
    /// The arguments, without the program's own name, which a program always sees as `job`.
    pub arguments: Vec<String>,
    /// Sorted by name, each name once.
    pub environment: Vec<Variable>,
    /// What the guest's random numbers grow from.
    #[serde(with = "crate::decimal")]
    pub seed: u64,
    /// What the guest's clock shows at its start: nanoseconds since 1970.
    #[serde(with = "crate::decimal")]
    pub clock_start_ns: u64,
}

/// What a receipt shows of a job: arguments and environment by digest only, since they may hold
/// secrets. The job's digest is taken over this, so that a receipt's reader can recompute it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobSummary<'a> {
    /// The module.
    pub module: Digest,
    /// The inputs.
    pub inputs: &'a [Blob],
    /// The digest of the canonical list of arguments.
    pub arguments: Digest,
    /// The digest of the canonical list of variables.
    pub environment: Digest,
    /// The seed.
    #[serde(with = "crate::decimal")]
    pub seed: u64,
    /// The clock's start.
    #[serde(with = "crate::decimal")]
    pub clock_start_ns: u64,
}

impl JobSummary<'_> {
    /// The digest of the job.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        to_canonical_json(self).map(|bytes| Digest::of(&bytes))
    }
}

impl Job {
    /// Sorts inputs and environment by name, then checks the whole.
    pub fn sorted(mut self) -> Result<Self, JobError> {
        self.inputs.sort_by(|a, b| a.name.cmp(&b.name));
        self.environment.sort_by(|a, b| a.name.cmp(&b.name));
        self.check()?;
        Ok(self)
    }

    /// Fails on the first rule that the job breaks.
    pub fn check(&self) -> Result<(), JobError> {
        if self.inputs.len() > INPUTS_MAX {
            return Err(JobError::TooManyInputs {
                count: self.inputs.len(),
            });
        }
        self.inputs
            .iter()
            .try_for_each(|input| check_name(&input.name))?;
        check_sorted(
            "inputs",
            self.inputs.iter().map(|input| &input.name),
            |name| JobError::DuplicateInput { name },
        )?;
        check_sorted(
            "variables",
            self.environment.iter().map(|v| &v.name),
            |name| JobError::DuplicateVariable { name },
        )?;
        self.check_words()
    }

    fn check_words(&self) -> Result<(), JobError> {
        let words = || {
            let variables = self.environment.iter().flat_map(|v| [&v.name, &v.value]);
            self.arguments.iter().chain(variables)
        };
        let lengths = words().map(|word| word.len().saturating_add(1));
        let bytes = lengths.fold(0, usize::saturating_add);
        if bytes > WORDS_BYTES_MAX {
            return Err(JobError::TooManyWords { bytes });
        }
        let names = || self.environment.iter().map(|variable| &variable.name);
        if words().any(|word| word.contains('\0'))
            || names().any(|n| n.is_empty() || n.contains('='))
        {
            return Err(JobError::Word);
        }
        Ok(())
    }

    /// What a receipt shows of it.
    pub fn summary(&self) -> Result<JobSummary<'_>, CanonicalError> {
        Ok(JobSummary {
            module: self.module,
            inputs: &self.inputs,
            arguments: Digest::of(&to_canonical_json(&self.arguments)?),
            environment: Digest::of(&to_canonical_json(&self.environment)?),
            seed: self.seed,
            clock_start_ns: self.clock_start_ns,
        })
    }

    /// The digest of its summary.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        self.summary()?.digest()
    }
}

/// Whether an input or output may have this name.
pub fn check_name(name: &str) -> Result<(), JobError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let segment_fits = |segment: &str| !matches!(segment, "" | "." | "..");
    let fits = name.len() <= NAME_BYTES_MAX
        && name.chars().all(allowed)
        && name.split('/').all(segment_fits);
    match fits {
        true => Ok(()),
        false => Err(JobError::Name {
            name: name.chars().take(64).collect(),
        }),
    }
}

fn check_sorted<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a String> + Clone,
    duplicate: impl Fn(String) -> JobError,
) -> Result<(), JobError> {
    for (name, next) in names.clone().zip(names.skip(1)) {
        match name.cmp(next) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Err(duplicate(name.clone())),
            std::cmp::Ordering::Greater => return Err(JobError::Unsorted { what }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::job;

    fn blob(name: &str) -> Blob {
        Blob {
            name: name.into(),
            sha256: Digest::of(name.as_bytes()),
            bytes: 1,
        }
    }

    fn variable(name: &str, value: &str) -> Variable {
        Variable {
            name: name.into(),
            value: value.into(),
        }
    }

    #[test]
    fn names_are_those_of_files_that_stay_inside() {
        for name in ["a", "A/b.c_d-e", "...", &"x".repeat(255)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a b",
            "é",
            "a\\b",
            &"x".repeat(256),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let broken = |change: &dyn Fn(&mut Job)| {
            let mut job = job();
            change(&mut job);
            job.check().unwrap_err()
        };
        assert!(matches!(
            broken(&|j| j.inputs = vec![blob("b"), blob("a")]),
            JobError::Unsorted { .. }
        ));
        assert!(matches!(
            broken(&|j| j.inputs = vec![blob("a"), blob("a")]),
            JobError::DuplicateInput { .. }
        ));
        assert!(matches!(
            broken(&|j| j.inputs = vec![blob("../a")]),
            JobError::Name { .. }
        ));
        assert!(matches!(
            broken(&|j| j.inputs = vec![blob("a"); 1025]),
            JobError::TooManyInputs { count: 1025 }
        ));
        assert!(matches!(
            broken(&|j| j.environment = vec![variable("A", ""), variable("A", "")]),
            JobError::DuplicateVariable { .. }
        ));
        assert!(matches!(
            broken(&|j| j.environment = vec![variable("A=", "")]),
            JobError::Word
        ));
        assert!(matches!(
            broken(&|j| j.environment = vec![variable("", "")]),
            JobError::Word
        ));
        assert!(matches!(
            broken(&|j| j.arguments = vec!["a\0b".into()]),
            JobError::Word
        ));
        assert!(matches!(
            broken(&|j| j.arguments = vec!["x".repeat(WORDS_BYTES_MAX)]),
            JobError::TooManyWords { .. }
        ));
    }

    #[test]
    fn sorting_makes_the_digest_independent_of_the_order_given() {
        let mut given = job();
        given.inputs = vec![blob("b"), blob("a")];
        let mut other = job();
        other.inputs = vec![blob("a"), blob("b")];
        let digest = |job: Job| job.sorted().unwrap().digest().unwrap();
        assert_eq!(digest(given), digest(other.clone()));
        let moved = Job {
            seed: other.seed + 1,
            ..other.clone()
        };
        assert_ne!(digest(moved), digest(other.clone()));
        let word = Job {
            arguments: vec!["other".into()],
            ..other.clone()
        };
        assert_ne!(digest(word), digest(other));
    }

    #[test]
    fn large_seeds_survive_json() {
        let job = Job {
            seed: u64::MAX,
            ..job()
        };
        let bytes = to_canonical_json(&job).unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(r#""seed":"18446744073709551615""#));
        assert_eq!(
            crate::canonical::from_json_strict::<Job>(&bytes).unwrap(),
            job
        );
    }
}
