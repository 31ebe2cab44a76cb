//! Whole chains on the emulator, with the real binaries as processes.

mod binaries;
mod chain;
mod dispatch;
mod examples;
mod first_life;
mod later_lives;
mod permissions;
mod runner;
