//! The command itself: what it writes, and what it says when it is used wrongly.

mod deploy;
#[cfg(feature = "aws")]
mod deploy_stack;
#[cfg(feature = "aws")]
mod doctor;
mod lives;
mod names;
mod newcomer;
#[cfg(feature = "aws")]
mod operate;
mod report;
mod results;
#[cfg(feature = "aws")]
mod scripted_aws;
mod two_packages;
mod wrong_use;
