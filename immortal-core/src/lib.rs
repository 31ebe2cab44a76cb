//! The roles of immortal, the data that passes between them, and their decisions.
//!
//! | module | contents |
//! | --- | --- |
//! | [`start`], [`role`] | `main` and `run`: picking the role of the process, and starting it |
//! | [`stopping`] | how a handler learns that it must stop, and how it ends early |
//! | `progress` | the work that a handler saves for its next attempt |
//! | [`handler`] | role handler: the user's function on `lambda_runtime`, and the hand-over |
//! | `dispatcher` | role dispatcher: starts Fargate tasks for failed events, writes dead letters |
//! | `runner` | role runner: runs the function's code for one invocation, without a deadline |
//! | [`manifest`], [`task_size`] | the arguments of the attribute, and the sizes that Fargate has |
//! | [`job_object`], [`task_definition`], [`task_end`] | the names of a job and of its tasks in other services, and who ended a task |
//! | [`order`], [`context`], [`function`], [`exit`] | the data that passes between the roles |
//! | [`names`] | every variable, path, header and limit that crosses a process boundary |
//! | `metrics` | the metrics of dispatcher and runner, in `CloudWatch`'s embedded metric format |
//! | `aws` | the AWS SDK as dispatcher, runner and progress use it; its HTTP client and its errors also for `cargo-immortal` |
//! | `runtime_api`, `batch_failures` | for runner and emulator: the Lambda Runtime API as a server, and the failures in the response to a batch |
//!
//! Without the features `dispatcher`, `runner`, `progress` and `aws` the graph contains nothing of the AWS SDK. Only what
//! passes between roles or is used by another crate is public.

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
#[cfg(any(feature = "dispatcher", feature = "runner"))]
mod metrics;
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
