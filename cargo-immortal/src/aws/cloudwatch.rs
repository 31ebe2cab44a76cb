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

/// An age, and how long ago it was measured: it has grown by that since.
struct AgeFigure {
    measured: Duration,
    since: Duration,
}

impl AwsConnection {
    fn cloudwatch(&self) -> Client {
        Client::new(&self.config)
    }

    /// How old the oldest message of a function's failure queue is; `None` where there is no figure.
    ///
    /// SQS's own figure leaves out a message that was received three times or more; the dispatcher counts those that it
    /// returned.
    pub(crate) async fn oldest_message_age(
        &self,
        queue: &str,
        function: &str,
        now: Timestamp,
    ) -> Result<Option<Duration>, CallError> {
        let waiting = self.latest_age(("AWS/SQS", "ApproximateAgeOfOldestMessage"), ("QueueName", queue), now).await?;
        let returned = self.latest_age(("Immortal", "OldestReturnedRecord"), ("Function", function), now).await?;
        // The dispatcher's figure is 0 where it returned nothing.
        let returned = returned.filter(|figure| !figure.measured.is_zero());
        Ok([waiting, returned].into_iter().flatten().map(|figure| figure.measured + figure.since).max())
    }

    async fn latest_age(
        &self,
        (namespace, metric): (&str, &str),
        (dimension, value): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<AgeFigure>, CallError> {
        let second = now.as_second();
        let from = second.saturating_sub_unsigned(LOOK_BACK.as_secs());
        let call = self
            .cloudwatch()
            .get_metric_statistics()
            .namespace(namespace)
            .metric_name(metric)
            .dimensions(Dimension::builder().name(dimension).value(value).build())
            .start_time(DateTime::from_secs(from))
            .end_time(DateTime::from_secs(second))
            .period(PERIOD)
            .statistics(Statistic::Maximum);
        let output = call.send().await;
        let output = output.map_err(|error| {
            CallError::new("cloudwatch:GetMetricStatistics", &format!("{metric} of {value}"), error)
        })?;
        let points = output.datapoints.unwrap_or_default();
        let figures = points.iter().filter_map(|point| Some((point.timestamp?.secs(), point.maximum?)));
        let latest = figures.max_by_key(|(at, _)| *at);
        Ok(latest.and_then(|(at, seconds)| {
            let since = u64::try_from(second.saturating_sub(at)).unwrap_or_default();
            Some(AgeFigure { measured: Duration::try_from_secs_f64(seconds).ok()?, since: Duration::from_secs(since) })
        }))
    }
}
