//! Complete deployments on the emulator, with the real binaries as processes.

mod attached;
mod binaries;
mod chain;
mod dead_letters;
mod destinations;
mod dispatch;
mod ends;
mod examples;
mod first_task;
mod histories;
mod json_logs;
mod later_attempts;
mod metrics;
mod moved_time;
mod own_main;
mod permissions;
mod progress;
mod runner;
mod soak;
mod source_queues;
mod stack;
