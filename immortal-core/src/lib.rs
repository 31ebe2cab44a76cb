//! Everything of immortal that runs: the roles, the shapes that pass between them, and the decisions.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`start`], [`role`] | `main` and `run`: which role this process is, and its start |
//! | [`stopping`] | what a handler learns of its end, and how it ends early |
//! | `progress` | what a handler saves of its work for its next attempt |
//! | [`handler`] | role handler: the user's function on `lambda_runtime`, and the hand-over |
//! | `dispatcher` | role dispatcher: failed events into Fargate tasks, dead letters |
//! | `runner` | role runner: the function's own code for one invocation, without a deadline |
//! | [`manifest`], [`task_size`] | what the attribute fixed, and the sizes that Fargate has |
//! | [`job_object`], [`task_definition`], [`task_end`] | the names of a job and of its tasks in other services, and who ended a task |
//! | [`order`], [`context`], [`function`], [`exit`] | the shapes that pass between the roles |
//! | [`names`] | every variable, path, header and limit that crosses a process boundary |
//! | `aws` | AWS's SDK as dispatcher, runner and progress use it; its HTTP client and its errors for `cargo-immortal`, too |
//! | `runtime_api`, `batch_failures` | for runner and emulator: the Lambda Runtime API as a server, and how a response to a batch is read |
//!
//! Without the features `dispatcher`, `runner`, `progress` and `aws` nothing of AWS's SDK is in the graph. What is neither a shape nor
//! named by another crate is private.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "runtime-api")]
pub mod batch_failures;
pub mod context;
#[cfg(feature = "dispatcher")]
pub mod dispatcher;
#[cfg(any(feature = "dispatcher", feature = "runner"))]
mod event_gzip;
pub mod exit;
pub mod function;
pub mod handler;
#[cfg(any(feature = "dispatcher", feature = "destinations"))]
mod invocation_record;
pub mod job_object;
mod lambda_errors;
pub mod manifest;
pub mod names;
pub mod order;
#[cfg(feature = "progress")]
pub mod progress;
pub mod role;
#[cfg(feature = "runner")]
pub mod runner;
#[cfg(feature = "runtime-api")]
pub mod runtime_api;
pub mod start;
mod stderr;
pub mod stopping;
pub mod task_definition;
pub mod task_end;
pub mod task_size;
