//! The command itself: what it writes, and what it says when it is used wrongly.

mod deploy;
mod lives;
mod names;
mod newcomer;
#[cfg(feature = "aws")]
mod operate;
mod two_packages;
mod wrong_use;
