//! A `main` of its own under every lint that a project may have switched on: clippy finds nothing in what the attribute writes.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, unused_results, single_use_lifetimes)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]
#![deny(
    clippy::absolute_paths,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::exit,
    clippy::expect_used,
    clippy::missing_docs_in_private_items,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::used_underscore_items
)]
#![allow(clippy::cargo_common_metadata, clippy::multiple_crate_versions, reason = "of the package, not of this file")]
#![allow(clippy::future_not_send, reason = "a `main` stays on its thread, and so may `immortal::run`")]

use std::future::ready;

use immortal::{Error, LambdaEvent, service_fn};

/// What the handler shares.
struct Table {
    /// The names that it knows.
    names: Vec<String>,
}

/// Serves.
#[immortal::main(cpu = 256, memory = 512, storage = 30, spot = true, attempts = 2, on = killed, limit = "1h")]
async fn main() -> Result<(), Error> {
    let table = Table { names: vec!["Ada".to_owned()] };
    immortal::run(service_fn(|event| find(event, &table))).await
}

/// Finds the place of a name.
async fn find(event: LambdaEvent<String>, table: &Table) -> Result<Option<usize>, Error> {
    ready(()).await;
    Ok(table.names.iter().position(|name| *name == event.payload))
}
