//! The log of each role, in the default format of `lambda_runtime`.
//!
//! A subscriber that the user has installed is kept.

use std::io;

#[cfg(any(feature = "dispatcher", feature = "runner"))]
use lambda_runtime::tracing::subscriber::{filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};
use lambda_runtime::tracing::subscriber::{
    filter::{EnvFilter, LevelFilter},
    fmt::{
        MakeWriter, SubscriberBuilder, fmt,
        format::{DefaultFields, Format, Full},
    },
};

/// How much other crates log where no code of the user's runs: below it, clients log what they send and sign, and with
/// it events and presigned addresses.
#[cfg(any(feature = "dispatcher", feature = "runner"))]
const OTHERS: LevelFilter = LevelFilter::INFO;

/// For the handler, in Lambda, which reads stdout.
pub(super) fn init_handler() {
    let subscriber = subscriber(io::stdout);
    // Fails only if there is a subscriber already, which is kept.
    let _ = if is_json() { subscriber.json().try_init() } else { subscriber.try_init() };
}

/// For the dispatcher, which runs in Lambda, too.
#[cfg(feature = "dispatcher")]
pub(super) fn init_dispatcher() {
    capped(io::stdout);
}

/// For the runner, whose stdout is the handler's result.
#[cfg(feature = "runner")]
pub(super) fn init_runner() {
    capped(io::stderr);
}

#[cfg(any(feature = "dispatcher", feature = "runner"))]
fn capped<W>(writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let capped = filter_fn(|metadata| {
        metadata.target().starts_with(env!("CARGO_CRATE_NAME")) || LevelFilter::from_level(*metadata.level()) <= OTHERS
    });
    let subscriber = subscriber(writer);
    // As for the handler.
    let _ = if is_json() {
        subscriber.json().finish().with(capped).try_init()
    } else {
        subscriber.finish().with(capped).try_init()
    };
}

/// Level and format obey Lambda's advanced logging controls, as they do in `lambda_runtime`.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>.
fn subscriber<W>(writer: W) -> SubscriberBuilder<DefaultFields, Format<Full, ()>, EnvFilter, W>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").or_else(|_| std::env::var("RUST_LOG")).ok();
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    fmt().with_target(false).without_time().with_env_filter(filter).with_writer(writer)
}

fn is_json() -> bool {
    std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"))
}
