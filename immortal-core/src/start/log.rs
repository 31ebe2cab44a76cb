//! The log lines of each role, formatted as `lambda_runtime` has them by default.
//!
//! A subscriber that is already there stays: a user's own wins.

use std::io;

use lambda_runtime::tracing::subscriber::{
    filter::{EnvFilter, LevelFilter, filter_fn},
    fmt::{MakeWriter, fmt},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How much other crates log where no code of the user's runs: below it, SDK clients log requests and answers whole, and
/// with them events and presigned addresses.
const OTHERS: Option<LevelFilter> = Some(LevelFilter::INFO);

/// For the handler, in Lambda, which reads stdout.
pub(super) fn of_handler() {
    install(io::stdout, None);
}

/// For the dispatcher, in Lambda too.
pub(super) fn of_dispatcher() {
    install(io::stdout, OTHERS);
}

/// For the runner, whose stdout is the handler's result.
pub(super) fn of_runner() {
    install(io::stderr, OTHERS);
}

/// Level and format obey Lambda's advanced logging controls, as they do in `lambda_runtime`.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>.
fn install<W>(writer: W, others: Option<LevelFilter>)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").or_else(|_| std::env::var("RUST_LOG")).ok();
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let subscriber = fmt().with_target(false).without_time().with_env_filter(filter).with_writer(writer);
    let capped = others.map(|others| {
        filter_fn(move |metadata| {
            metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
                || LevelFilter::from_level(*metadata.level()) <= others
        })
    });
    // It fails only where there is a subscriber already, and then that one is meant to stay.
    let _ = if json {
        subscriber.json().finish().with(capped).try_init()
    } else {
        subscriber.finish().with(capped).try_init()
    };
}
