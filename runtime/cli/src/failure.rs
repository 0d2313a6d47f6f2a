//! An error on its way to a person: what happened, what caused it, what to do, and the exit code.

use std::error::Error;
use std::path::Path;

use meterbox_provider::ledger::LedgerError;
use meterbox_provider::{BundleError, ProviderError, StoreError};

use crate::exit::Exit;

/// Why a command did not come to its end.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The message, and what caused it.
    pub chain: Vec<String>,
    /// The way out.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with a message of its own.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            chain: vec![message.into()],
            hint: None,
        }
    }

    /// A failure that an error caused.
    pub fn caused(
        exit: Exit,
        message: impl Into<String>,
        cause: &(dyn Error + 'static),
    ) -> Failure {
        let mut failure = Failure::new(exit, message);
        failure.push_chain(cause);
        failure
    }

    /// A file that cannot be read.
    pub fn reading(path: &Path, cause: &(dyn Error + 'static)) -> Failure {
        Failure::caused(
            Exit::File,
            format!("`{}` cannot be read", path.display()),
            cause,
        )
    }

    /// A file that cannot be written.
    pub fn writing(path: &Path, cause: &(dyn Error + 'static)) -> Failure {
        Failure::caused(
            Exit::File,
            format!("`{}` cannot be written", path.display()),
            cause,
        )
    }

    /// With a way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// With a way out, if there is one.
    pub fn maybe_hint(mut self, hint: Option<impl Into<String>>) -> Failure {
        self.hint = hint.map(Into::into);
        self
    }

    fn push_chain(&mut self, cause: &(dyn Error + 'static)) {
        let mut next = Some(cause);
        while let Some(error) = next {
            let message = error.to_string();
            if self.chain.last() != Some(&message) {
                self.chain.push(message);
            }
            next = error.source();
        }
    }

    fn of(exit: Exit, error: &(dyn Error + 'static), hint: Option<String>) -> Failure {
        let mut failure = Failure {
            exit,
            chain: Vec::new(),
            hint,
        };
        failure.push_chain(error);
        failure
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Failure {
        let exit = match &error {
            ProviderError::Ledger(error) => exit_of(error),
            error if error.is_refusal() => Exit::Refused,
            _ => Exit::Fault,
        };
        let hint = error.hint();
        Failure::of(exit, &error, hint)
    }
}

/// Whether the ledger cannot be used, or is in order and refuses what was asked of it.
fn exit_of(error: &LedgerError) -> Exit {
    match error {
        LedgerError::ExistsWithDifferentOrder { .. }
        | LedgerError::Pending { .. }
        | LedgerError::WrongOffer { .. }
        | LedgerError::Expired { .. }
        | LedgerError::Budget(_)
        | LedgerError::Correction(_)
        | LedgerError::Rounding(_)
        | LedgerError::Document(_) => Exit::Refused,
        LedgerError::Exists { .. } => Exit::File,
        _ => Exit::Ledger,
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Failure {
        let hint = error.hint().map(str::to_string);
        Failure::of(exit_of(&error), &error, hint)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::of(Exit::File, &error, None)
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Failure {
        let exit = match &error {
            BundleError::Write { .. } | BundleError::Read(_) => Exit::File,
            _ => Exit::TranscriptInvalid,
        };
        Failure::of(exit, &error, None)
    }
}
