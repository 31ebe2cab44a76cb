//! Whole chains on the emulator, with the real binaries as processes.

mod binaries;
mod chain;
mod first_life;
