//! Ending a run early. Knows not who may.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

use crate::worker::Flag;

/// Who ends a run early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stopper {
    /// Who ordered it.
    Requestor,
    /// Who runs it.
    Provider,
}

/// A way to end a run from another thread: the guest's next call to the host ends it, and what it has
/// used until then is counted. A guest that makes no call within the grace period of its worker is killed,
/// and nothing is counted; in this process, it cannot be ended.
///
/// Clones are the same stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    by: Arc<AtomicU8>,
    /// In a runner: the parent's flag, and the number of the run.
    flag: Option<(Arc<Flag>, u64)>,
}

const NOT: u8 = 0;
const BY_REQUESTOR: u8 = 1;
const BY_PROVIDER: u8 = 2;

impl Stop {
    /// A stop that nobody has requested yet.
    #[must_use]
    pub fn new() -> Stop {
        Stop::default()
    }

    /// The stop of this run, as the parent's flag says.
    pub(crate) fn by_flag(flag: Arc<Flag>, run: u64) -> Stop {
        Stop {
            flag: Some((flag, run)),
            ..Stop::default()
        }
    }

    /// Ends the run that this was given to, or one that is yet to begin. The first to request it is the
    /// one that counts.
    pub fn request(&self, by: Stopper) {
        let by = match by {
            Stopper::Requestor => BY_REQUESTOR,
            Stopper::Provider => BY_PROVIDER,
        };
        let _ = self
            .by
            .compare_exchange(NOT, by, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Who has requested it.
    #[must_use]
    pub fn requested(&self) -> Option<Stopper> {
        if let Some((flag, run)) = &self.flag {
            return flag.raised(*run);
        }
        match self.by.load(Ordering::Relaxed) {
            BY_REQUESTOR => Some(Stopper::Requestor),
            BY_PROVIDER => Some(Stopper::Provider),
            _ => None,
        }
    }
}
