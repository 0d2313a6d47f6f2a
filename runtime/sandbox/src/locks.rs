//! How this crate takes its locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock, even one under which a thread panicked: what these locks guard is whole between any two
/// statements.
pub(crate) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
