//! The functions and the configuration that the properties are about, and how an input is read.

use crate::{
    dispatcher::{config::DispatcherConfig, invocation_failure::KnownFunctions},
    names::env,
};

pub(crate) const PRIMARY: &str = "arn:aws:lambda:eu-central-1:111111111111:function:ingest";
pub(crate) const FAILURES: &str = "arn:aws:sqs:eu-central-1:111111111111:failures";
pub(crate) const UPLOADS: &str = "arn:aws:sqs:eu-central-1:111111111111:uploads";
pub(crate) const BUCKET: &str = "events";
pub(crate) const CONTAINER: &str = "runner";

pub(crate) fn functions(source_queues: &[&str]) -> KnownFunctions {
    KnownFunctions {
        own: format!("{PRIMARY}Dlq").parse().expect("an ARN"),
        primary: PRIMARY.parse().expect("an ARN"),
        source_queues: source_queues.iter().map(|queue| (*queue).to_owned()).collect(),
    }
}

pub(crate) fn config() -> DispatcherConfig {
    DispatcherConfig::read(|name| {
        let value = match name {
            env::FUNCTION_NAME => "ingestDlq",
            env::RUNNER => "jobs:3",
            env::SUBNETS => "subnet-1",
            env::CONTAINER => CONTAINER,
            env::EVENT_BUCKET => BUCKET,
            _ => return None,
        };
        Some(value.to_owned())
    })
    .expect("it is complete")
}

/// The parts of an input of several texts, with blank lines between them.
pub(crate) fn parts<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let mut parts = str::from_utf8(bytes).ok()?.splitn(N, "\n\n");
    let parts = [(); N].map(|()| parts.next().unwrap_or_default());
    Some(parts)
}

/// A JSON value without the space around it.
pub(crate) fn json(text: &str) -> Option<&str> {
    let is_json = serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
    is_json.then(|| text.trim_matches([' ', '\t', '\n', '\r']))
}

/// Fails for a text that would be more than one line of the log, or would write over one.
pub(crate) fn assert_one_line(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?} is more than one line of the log");
}
