//! What an operator does, by the real command as a process, against the emulator.
//!
//! `CloudFormation` and `CloudWatch`, which the emulator has not, are answered by a service of the test's own; what is asked of
//! them in earnest is tried on moto (`.ci/day-two`), as are the logs.

mod bad_day;
mod canned;
mod commands;
mod deployed;
mod errors;
