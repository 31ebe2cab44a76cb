//! The emulator, as the real SDK clients and a real runtime see it.

mod bootstrap;
mod clients;
mod download;
mod ecs;
mod events;
mod lambda;
mod life;
mod s3;
mod sqs;
mod sqs_wire;
mod task_memory;
mod trouble;
