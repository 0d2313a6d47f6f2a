//! Owns the provider's signed account of one job. Prices nothing and checks no signature.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::bill::{Bill, Line};
use crate::canonical::{CanonicalError, to_canonical_json};
use crate::digest::Digest;
use crate::envelope::{Document, RECEIPT_TYPE};
use crate::job::{Blob, Job, JobSummary, check_name};
use crate::key::PublicKey;
use crate::limits::Limits;
use crate::model_use::ModelUse;
use crate::money::{Amount, Currency};
use crate::offer::{Confidentiality, Precision};
use crate::outcome::Outcome;
use crate::text::{Id, quoted};
use crate::timestamp::Timestamp;
use crate::usage::{Observed, Usage};

/// The version of the receipt's form.
pub const RECEIPT_SCHEMA: u32 = 1;
/// The type of the in-toto Statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of its predicate.
pub const PREDICATE_TYPE: &str = "https://meterbox.dev/receipt/v1";
/// The name of the first subject. No output can have it: names hold no colon.
pub const RESULT_SUBJECT: &str = "meterbox:result";

/// What of the engine decides results and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineFacts {
    /// The version of the metering rule.
    pub meter_version: String,
    /// The weights of instructions.
    pub cost_schedule: Digest,
    /// The weights of host calls.
    pub host_call_table: Digest,
    /// The weights of model operators.
    pub inference_cost_table: Digest,
    /// The WebAssembly features that were on, sorted.
    pub wasm_features: Vec<String>,
    /// How the bits of NaNs were fixed.
    pub float_mode: String,
}

/// The part that is a function of job, inputs, limits and inference transcript alone: whoever runs
/// the job again gets the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reproducible {
    /// [`RECEIPT_SCHEMA`].
    pub schema: u32,
    /// The digest of the job, which the next six fields make up.
    pub job: Digest,
    /// The module.
    pub module: Digest,
    /// The inputs, sorted by name.
    pub inputs: Vec<Blob>,
    /// The digest of the canonical list of arguments.
    pub arguments: Digest,
    /// The digest of the canonical list of environment variables.
    pub environment: Digest,
    /// What the guest's random numbers grew from.
    #[serde(with = "crate::decimal")]
    pub seed: u64,
    /// What the guest's clock showed at its start.
    #[serde(with = "crate::decimal")]
    pub clock_start_ns: u64,
    /// What of the engine matters.
    pub engine: EngineFacts,
    /// The bounds.
    pub limits: Limits,
    /// How the job ended.
    pub outcome: Outcome,
    /// What it left behind, sorted by name.
    pub outputs: Vec<Blob>,
    /// The digest of its model calls.
    pub transcript: Digest,
    /// What it used.
    pub usage: Usage,
    /// What of that each model was used for, sorted by digest; left out of a job that used none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelUse>,
    /// The rate card.
    pub rate_card: Digest,
    /// The currency of the bill.
    pub currency: Currency,
    /// The bill's lines.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: Amount,
}

/// What a run of a job came to; with the job and the bill it makes a [`Reproducible`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What of the engine matters.
    pub engine: EngineFacts,
    /// The bounds.
    pub limits: Limits,
    /// How the job ended.
    pub outcome: Outcome,
    /// What it left behind, sorted by name.
    pub outputs: Vec<Blob>,
    /// The digest of its model calls.
    pub transcript: Digest,
    /// What it used.
    pub usage: Usage,
    /// What of that each model was used for, sorted by digest.
    pub models: Vec<ModelUse>,
}

impl Reproducible {
    /// Puts a job, its run and its bill together.
    pub fn new(job: &Job, run: Run, rate_card: Digest, bill: Bill) -> Result<Self, CanonicalError> {
        let summary = job.summary()?;
        Ok(Self {
            schema: RECEIPT_SCHEMA,
            job: summary.digest()?,
            module: summary.module,
            arguments: summary.arguments,
            environment: summary.environment,
            inputs: job.inputs.clone(),
            seed: job.seed,
            clock_start_ns: job.clock_start_ns,
            engine: run.engine,
            limits: run.limits,
            outcome: run.outcome,
            outputs: run.outputs,
            transcript: run.transcript,
            usage: run.usage,
            models: run.models,
            rate_card,
            currency: bill.currency,
            lines: bill.lines,
            total: bill.total,
        })
    }

    /// The canonical bytes, to be compared with those of another run.
    pub fn bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        to_canonical_json(self)
    }

    /// What it shows of the job.
    #[must_use]
    pub fn job_summary(&self) -> JobSummary<'_> {
        JobSummary {
            module: self.module,
            inputs: &self.inputs,
            arguments: self.arguments,
            environment: self.environment,
            seed: self.seed,
            clock_start_ns: self.clock_start_ns,
        }
    }

    /// The name of the input that has this digest, the first of several. A name that no input can have is none.
    #[must_use]
    pub fn input_of_digest(&self, sha256: &Digest) -> Option<&str> {
        let found = self.inputs.iter().find(|input| input.sha256 == *sha256);
        let name = found.map(|input| input.name.as_str());
        name.filter(|name| check_name(name).is_ok())
    }

    /// The bill.
    #[must_use]
    pub fn bill(&self) -> Bill {
        Bill {
            currency: self.currency,
            lines: self.lines.clone(),
            total: self.total,
        }
    }

    fn subjects(&self) -> Result<Vec<Subject>, CanonicalError> {
        #[derive(Serialize)]
        struct ResultRecord<'a> {
            outcome: &'a Outcome,
            usage: &'a Usage,
        }

        let record = ResultRecord {
            outcome: &self.outcome,
            usage: &self.usage,
        };
        let record = Digest::of(&to_canonical_json(&record)?);
        let result = (RESULT_SUBJECT, record);
        let outputs = self
            .outputs
            .iter()
            .map(|blob| (blob.name.as_str(), blob.sha256));
        let all = std::iter::once(result).chain(outputs);
        Ok(all
            .map(|(name, sha256)| Subject {
                name: name.to_owned(),
                digest: SubjectDigest { sha256 },
            })
            .collect())
    }
}

/// The engine, as far as it decides speed only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How hard it optimised.
    pub opt_level: String,
}

/// The part that only the provider can say: this machine, this time, this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attested {
    /// The digest of the order's payload.
    pub order: Digest,
    /// The order's id.
    pub order_id: Id,
    /// The key that signs this receipt.
    pub provider_key: PublicKey,
    /// When the job was started.
    pub started_at: Timestamp,
    /// When it had ended.
    pub ended_at: Timestamp,
    /// What the machine took, and which device it was.
    pub observed: Observed,
    /// What ran the job.
    pub engine: Engine,
    /// The versions of libraries that took part, by name.
    pub libraries: BTreeMap<String, String>,
    /// The number format in which models ran.
    pub precision: Precision,
    /// What protected the job from the provider.
    pub confidentiality: Confidentiality,
    /// The number of this receipt among the provider's: 0, 1, 2 and so on.
    #[serde(with = "crate::decimal")]
    pub sequence: u64,
    /// The digest of the receipt before it; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_receipt: Option<Digest>,
}

/// The provider's account of one job: an in-toto Statement whose subjects are the result record
/// (outcome and usage) and each output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Statement")]
pub struct Receipt {
    reproducible: Reproducible,
    attested: Attested,
    subjects: Vec<Subject>,
}

impl Receipt {
    /// Puts both parts together, and names what they are about.
    pub fn new(reproducible: Reproducible, attested: Attested) -> Result<Self, CanonicalError> {
        let subjects = reproducible.subjects()?;
        Ok(Self {
            reproducible,
            attested,
            subjects,
        })
    }

    /// The same receipt at another place in the chain of the provider's receipts.
    #[must_use]
    pub fn at_place(mut self, sequence: u64, previous_receipt: Option<Digest>) -> Self {
        self.attested.sequence = sequence;
        self.attested.previous_receipt = previous_receipt;
        self
    }

    /// The part that another run of the job must come to.
    #[must_use]
    pub const fn reproducible(&self) -> &Reproducible {
        &self.reproducible
    }

    /// The canonical bytes of [`Self::reproducible`].
    pub fn reproducible_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        self.reproducible.bytes()
    }

    /// The part that only the provider can say.
    #[must_use]
    pub const fn attested(&self) -> &Attested {
        &self.attested
    }

    /// The payload's bytes before and after [`Self::attested`]. The fields of a statement and of its predicate
    /// stand by their names: `_type`, `predicate` with `attested` and `reproducible`, `predicateType`, `subject`.
    pub(crate) fn payload_around_attested(&self) -> Result<(Vec<u8>, Vec<u8>), CanonicalError> {
        let field = |before: &str, value: Vec<u8>| [before.as_bytes(), &value].concat();
        let before = [
            field(r#"{"_type":"#, to_canonical_json(STATEMENT_TYPE)?),
            br#","predicate":{"attested":"#.to_vec(),
        ];
        let after = [
            field(r#","reproducible":"#, self.reproducible.bytes()?),
            field(r#"},"predicateType":"#, to_canonical_json(PREDICATE_TYPE)?),
            field(r#","subject":"#, to_canonical_json(&self.subjects)?),
            b"}".to_vec(),
        ];
        Ok((before.concat(), after.concat()))
    }
}

impl Document for Receipt {
    const PAYLOAD_TYPE: &'static str = RECEIPT_TYPE;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    sha256: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    reproducible: Reproducible,
    attested: Attested,
}

/// A [`Statement`] to be written, of parts that stay where they are.
#[derive(Serialize)]
struct StatementOf<'r> {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    subject: &'r [Subject],
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: PredicateOf<'r>,
}

#[derive(Serialize)]
struct PredicateOf<'r> {
    reproducible: &'r Reproducible,
    attested: &'r Attested,
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let statement = StatementOf {
            statement_type: STATEMENT_TYPE,
            subject: &self.subjects,
            predicate_type: PREDICATE_TYPE,
            predicate: PredicateOf {
                reproducible: &self.reproducible,
                attested: &self.attested,
            },
        };
        statement.serialize(serializer)
    }
}

/// Why a Statement is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Another kind of statement.
    #[error("`{field}` is `{found}`, expected `{expected}`")]
    Type {
        /// `_type` or `predicateType`.
        field: &'static str,
        /// What it is, cut to a readable length.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Another version of the form.
    #[error("the receipt has schema {found}, expected {RECEIPT_SCHEMA}")]
    Schema {
        /// Its version.
        found: u32,
    },
    /// The subjects are not the result record and the outputs.
    #[error("`subject` does not match the outcome, usage and outputs of the predicate")]
    Subject,
    /// The predicate has no canonical form.
    #[error("the predicate cannot be digested")]
    Canonical(#[from] CanonicalError),
}

impl TryFrom<Statement> for Receipt {
    type Error = StatementError;

    fn try_from(statement: Statement) -> Result<Self, StatementError> {
        for (field, found, expected) in [
            ("_type", statement.statement_type, STATEMENT_TYPE),
            ("predicateType", statement.predicate_type, PREDICATE_TYPE),
        ] {
            if found != expected {
                return Err(StatementError::Type {
                    field,
                    found: quoted(&found),
                    expected,
                });
            }
        }
        let Predicate {
            reproducible,
            attested,
        } = statement.predicate;
        if reproducible.schema != RECEIPT_SCHEMA {
            return Err(StatementError::Schema {
                found: reproducible.schema,
            });
        }
        let receipt = Self::new(reproducible, attested)?;
        if receipt.subjects != statement.subject {
            return Err(StatementError::Subject);
        }
        Ok(receipt)
    }
}
