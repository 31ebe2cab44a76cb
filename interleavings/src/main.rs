//! The hand-over's claim, timer and guarded future, compiled from `immortal-core`'s own sources with loom's primitives.
//!
//! The modules have their paths in `immortal-core`; only `primitives` and `failure` are others. It is a program, and
//! not a test, because the sources' own tests need the standard library's primitives.
#![allow(dead_code, reason = "the handler role uses more of the sources")]

#[path = "../../immortal-core/src/handler"]
mod handler {
    pub(crate) mod failure {
        use std::any::Any;

        /// The length of a panic's message is not what is checked here.
        pub(crate) fn bounded_panic(panic: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
            panic
        }
    }

    pub(crate) mod handover {
        mod claim;
        mod guarded_future;
        #[path = "../../../../interleavings/src/primitives.rs"]
        mod primitives;
        #[path = "../../../../interleavings/src/races.rs"]
        pub(crate) mod races;
        mod timer;
    }
}

fn main() {
    handler::handover::races::check_all();
}
