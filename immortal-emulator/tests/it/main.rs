//! The emulator, tested with real SDK clients and a real runtime.

mod bootstrap;
mod cleanup;
mod clients;
mod delivery_faults;
mod download;
mod ecs;
mod events;
mod lambda;
mod s3;
mod sqs;
mod sqs_wire;
mod task_memory;
