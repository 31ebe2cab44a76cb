//! `CloudWatch` Logs: where a text stands, and what a stream holds.

use aws_sdk_cloudwatchlogs::Client;
use jiff::Timestamp;

use super::{call_error::CallError, connect::AwsConnection};

/// A line of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEvent {
    pub(crate) stream: String,
    /// In Unix milliseconds.
    pub(crate) at: i64,
    pub(crate) message: String,
}

/// Some lines of a stream, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogPage {
    pub(crate) events: Vec<LogEvent>,
    pub(crate) next: Option<String>,
}

impl AwsConnection {
    fn logs(&self) -> Client {
        Client::new(&self.config)
    }

    /// All lines of a group with this text in them, in all of its streams. A group that isn't there has none.
    pub(crate) async fn find_in_logs(
        &self,
        group: &str,
        text: &str,
        since: Option<Timestamp>,
    ) -> Result<Vec<LogEvent>, CallError> {
        // In quotation marks, a text is looked for as it is:
        // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
        let pattern = format!("\"{}\"", text.replace(['"', '\\'], ""));
        let call = self.logs().filter_log_events().log_group_name(group).filter_pattern(pattern);
        let call = call.set_start_time(since.map(Timestamp::as_millisecond));
        let mut pages = call.into_paginator().send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            let failed = |error| CallError::new("logs:FilterLogEvents", &format!("the log group {group}"), error);
            match page.map_err(failed) {
                Ok(page) => events.extend(page.events.unwrap_or_default().into_iter().filter_map(|event| {
                    let (stream, at) = (event.log_stream_name?, event.timestamp?);
                    Some(LogEvent { stream, at, message: event.message.unwrap_or_default() })
                })),
                Err(error) if error.is_not_found() => return Ok(events),
                Err(error) => return Err(error),
            }
        }
        Ok(events)
    }

    /// The lines of a stream from a moment on, in Unix milliseconds, or behind a page that was read before.
    pub(crate) async fn log_page(
        &self,
        group: &str,
        stream: &str,
        from: i64,
        after: Option<&str>,
    ) -> Result<LogPage, CallError> {
        let call = self.logs().get_log_events().log_group_name(group).log_stream_name(stream).start_from_head(true);
        let output = call.start_time(from).set_next_token(after.map(str::to_owned)).send().await;
        let output =
            output.map_err(|error| CallError::new("logs:GetLogEvents", &format!("the log stream {stream}"), error))?;
        let event = |event: aws_sdk_cloudwatchlogs::types::OutputLogEvent| {
            Some(LogEvent {
                stream: stream.to_owned(),
                at: event.timestamp?,
                message: event.message.unwrap_or_default(),
            })
        };
        let events = output.events.unwrap_or_default().into_iter().filter_map(event);
        Ok(LogPage { events: events.collect(), next: output.next_forward_token })
    }
}
