//! How this crate takes its locks. Has none itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock, even one under which a thread panicked: wherever that was, whoever comes next can go on.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
