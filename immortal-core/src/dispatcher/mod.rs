//! The dispatcher role.
