//! Everything of immortal that runs: the roles, the shapes that pass between them, and the decisions.
//!
//! Types and decisions need nothing of AWS's; the features `dispatcher` and `runner` bring what asks its services.

#[cfg(any(feature = "dispatcher", feature = "runner"))]
pub mod aws;
pub mod context;
#[cfg(feature = "dispatcher")]
pub mod dispatcher;
#[cfg(any(feature = "dispatcher", feature = "runner"))]
pub mod event_gzip;
#[cfg(any(feature = "dispatcher", feature = "runner"))]
pub mod exit;
pub mod function;
pub mod handler;
mod lambda_errors;
pub mod manifest;
pub mod names;
pub mod order;
pub mod role;
#[cfg(feature = "runner")]
pub mod runner;
#[cfg(feature = "runtime-api")]
pub mod runtime_api;
pub mod start;
mod stderr;
pub mod task_size;
