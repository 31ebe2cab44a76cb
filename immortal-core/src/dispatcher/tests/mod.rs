//! The dispatcher as a whole: bytes in and out, and against a service on loopback that speaks ECS's and S3's real
//! protocols, through the real clients. The server's parts come with the feature `runtime-api`.

mod bytes;
#[cfg(feature = "runtime-api")]
mod chain;
#[cfg(feature = "runtime-api")]
mod dead_letters;
#[cfg(feature = "runtime-api")]
mod forms;
#[cfg(feature = "runtime-api")]
mod service;
#[cfg(feature = "runtime-api")]
mod state_changes;
#[cfg(feature = "runtime-api")]
mod waits;
