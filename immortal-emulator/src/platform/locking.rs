//! Locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a thread that panicked under the lock has left plain data behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
