//! The jobs, the queues and the mapping, as a table and as JSON.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::job::Job;
use crate::{
    aws::QueueAttributes,
    operate::span::{moment, span},
};

/// All of it.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobsOverview {
    function: String,
    at: String,
    /// Whether the dispatcher gets nothing from the failure queue; null where no mapping is known.
    paused: Option<bool>,
    /// What Lambda says of the mapping.
    mapping: Option<String>,
    failure_queue: QueueDepth,
    /// null where there is no dead-letter queue.
    dead_letters: Option<QueueDepth>,
    jobs: Vec<Job>,
}

/// How much lies in a queue. What it is can't be told without receiving it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueueDepth {
    waiting: u64,
    in_flight: u64,
}

impl QueueDepth {
    pub(super) fn from_attributes(queue: &QueueAttributes) -> Self {
        Self { waiting: queue.waiting, in_flight: queue.in_flight }
    }

    fn text(self) -> String {
        match self.in_flight {
            0 => format!("{} waiting", self.waiting),
            some => format!("{} waiting, {some} received already", self.waiting),
        }
    }
}

const HEAD: [&str; 11] =
    ["REQUEST", "SERIES", "ATTEMPT", "STATE", "SINCE", "AGE", "CAPACITY", "SIZE", "VCPU-H", "GB-H", "ENDED BY"];

impl JobsOverview {
    pub(super) fn new(
        function: &str,
        jobs: Vec<Job>,
        failure_queue: QueueDepth,
        dead_letters: Option<QueueDepth>,
        mapping: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            function: function.to_owned(),
            at: moment(now),
            paused: mapping.as_deref().map(|state| matches!(state, "Disabled" | "Disabling")),
            mapping,
            failure_queue,
            dead_letters,
            jobs,
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = if self.jobs.is_empty() {
            vec!["no job of the last hour has a task".to_owned()]
        } else {
            let rows = std::iter::once(HEAD.map(str::to_owned)).chain(self.jobs.iter().map(row));
            table(&rows.collect::<Vec<_>>())
        };
        lines.push(String::new());
        lines.push(format!("failure queue  {}", self.failure_queue.text()));
        lines.push(match self.dead_letters {
            None => "dead letters   no queue for them".to_owned(),
            Some(QueueDepth { waiting: 0, in_flight: 0 }) => "dead letters   none".to_owned(),
            Some(depth) => format!("dead letters   {}: cargo immortal dead", depth.text()),
        });
        let mapping = self.mapping.as_deref().unwrap_or_default();
        lines.push(match self.paused {
            None => "paused         unknown: no mapping leads to the dispatcher".to_owned(),
            Some(true) => "paused         yes: cargo immortal resume".to_owned(),
            Some(false) if mapping == "Enabled" => "paused         no".to_owned(),
            Some(false) => format!("paused         no, the mapping is {mapping}"),
        });
        lines
    }
}

fn row(job: &Job) -> [String; 11] {
    let seconds = |seconds| span(Duration::from_secs(seconds));
    [
        job.request_id.clone(),
        job.series.to_string(),
        job.attempt.to_string(),
        job.state.word().to_owned(),
        seconds(job.since_seconds),
        seconds(job.age_seconds),
        if job.spot { "Spot".to_owned() } else { "Fargate".to_owned() },
        format!("{} vCPU, {} GB", of_1024(job.cpu), of_1024(job.memory)),
        format!("{:.2}", job.vcpu_hours),
        format!("{:.2}", job.gb_hours),
        job.reason.clone().unwrap_or_default(),
    ]
}

/// `0.25`, `1`, `2.5`.
fn of_1024(number: u32) -> f64 {
    f64::from(number) / 1_024.0
}

/// Columns as wide as what is in them, two blanks apart.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
#[path = "overview_tests.rs"]
mod tests;
