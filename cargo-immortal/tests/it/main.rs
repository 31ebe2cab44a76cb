//! The command itself, used wrongly: one clear message, exit 2.

mod wrong_use;
