//! The log lines of each role, formatted as `lambda_runtime` has them by default.
//!
//! A subscriber that is already there stays: a user's own wins.

use std::io;

use lambda_runtime::tracing::subscriber::{
    filter::{EnvFilter, LevelFilter},
    fmt::{MakeWriter, fmt},
    util::SubscriberInitExt,
};

/// For Lambda, which reads stdout.
pub(super) fn to_stdout() {
    install(io::stdout);
}

/// For the runner, whose stdout is the handler's result.
pub(super) fn to_stderr() {
    install(io::stderr);
}

/// Level and format obey Lambda's advanced logging controls, as they do in `lambda_runtime`.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>.
fn install<W>(writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").or_else(|_| std::env::var("RUST_LOG")).ok();
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let subscriber = fmt().with_target(false).without_time().with_env_filter(filter).with_writer(writer);
    // It fails only where there is a subscriber already, and then that one is meant to stay.
    let _ = if json { subscriber.json().finish().try_init() } else { subscriber.finish().try_init() };
}
