//! Metered and compiled programs, kept by digest so that a job seen before starts at once. Never
//! decides whether a program may run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use meterbox_billing::digest::Digest;
use meterbox_meter::{Metered, Tier};
use meterbox_sandbox::{Program, Sandbox};

use crate::ProviderError;

/// Programs kept at most: enough for a busy provider, and bounded, since each may take megabytes.
const PROGRAMS_MAX: usize = 64;

/// What a program was metered from: its bytes, and the memory tier of the limit that it runs under.
pub(crate) type Key = (Digest, Tier);

/// A cache of compiled programs.
#[derive(Default)]
pub(crate) struct Programs {
    held: Mutex<HashMap<Key, (Instant, Arc<Program>)>>,
}

impl Programs {
    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Program>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_mut(key).map(|(used, program)| {
            *used = Instant::now();
            Arc::clone(program)
        })
    }

    pub(crate) fn compile(
        &self,
        sandbox: &Sandbox,
        key: Key,
        metered: Metered,
    ) -> Result<Arc<Program>, ProviderError> {
        let program = Arc::new(sandbox.compile(metered)?);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= PROGRAMS_MAX {
            let oldest = held
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                held.remove(&oldest);
            }
        }
        held.insert(key, (Instant::now(), Arc::clone(&program)));
        Ok(program)
    }
}
