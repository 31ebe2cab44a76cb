//! What claim and timer synchronise with: the standard library's. The package in `interleavings/` compiles them with
//! loom's in their place, and runs every interleaving.

pub(super) use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};
