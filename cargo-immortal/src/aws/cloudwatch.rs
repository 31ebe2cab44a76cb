//! `CloudWatch`'s figures of queues.

use std::time::Duration;

use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{Dimension, Statistic},
};
use jiff::Timestamp;

use super::{call_error::CallError, connect::AwsConnection};

/// SQS reports each minute, and up to 15 minutes late after a queue was idle:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html>.
const LOOK_BACK: Duration = Duration::from_mins(30);
const PERIOD: i32 = 60;

impl AwsConnection {
    fn cloudwatch(&self) -> Client {
        Client::new(&self.config)
    }

    /// How old the oldest message of a queue is, by the latest figure; `None` where there is none. It has grown since the
    /// figure was taken, and that is added.
    pub(crate) async fn oldest_message_age(&self, queue: &str, now: Timestamp) -> Result<Option<Duration>, CallError> {
        let second = now.as_second();
        let from = second.saturating_sub_unsigned(LOOK_BACK.as_secs());
        let call = self
            .cloudwatch()
            .get_metric_statistics()
            .namespace("AWS/SQS")
            .metric_name("ApproximateAgeOfOldestMessage")
            .dimensions(Dimension::builder().name("QueueName").value(queue).build())
            .start_time(DateTime::from_secs(from))
            .end_time(DateTime::from_secs(second))
            .period(PERIOD)
            .statistics(Statistic::Maximum);
        let output = call.send().await;
        let output = output
            .map_err(|error| CallError::of("cloudwatch:GetMetricStatistics", &format!("the queue {queue}"), error))?;
        let points = output.datapoints.unwrap_or_default();
        let figures = points.iter().filter_map(|point| Some((point.timestamp?.secs(), point.maximum?)));
        let latest = figures.max_by_key(|(at, _)| *at);
        Ok(latest.and_then(|(at, seconds)| {
            let since = u64::try_from(second.saturating_sub(at)).unwrap_or_default();
            Some(Duration::try_from_secs_f64(seconds).ok()? + Duration::from_secs(since))
        }))
    }
}
