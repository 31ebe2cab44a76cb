//! The runner role.
