//! One thing that a job did.

use std::{fmt, time::Duration};

/// A step of a job: a line of the terminal, and a part of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobStep {
    /// The time since the job began.
    pub(crate) at: Duration,
    pub(crate) place: JobPlace,
    pub(crate) text: String,
    pub(crate) kind: StepKind,
    pub(crate) span: StepSpan,
    /// Whether it may be cut to the width of the screen.
    pub(crate) is_brief: bool,
}

/// Where it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobPlace {
    /// Attempt 0.
    Primary {
        function: String,
    },
    Dispatcher {
        function: String,
    },
    Task {
        id: String,
        /// `None` as long as it isn't known.
        attempt: Option<TaskAttempt>,
        is_spot: bool,
    },
    Queue {
        name: String,
    },
    /// A call of AWS's API; the service is empty where several are meant.
    Api {
        service: String,
    },
}

/// Which attempt a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskAttempt {
    pub(crate) series: u32,
    pub(crate) attempt: u32,
}

/// What a step tells, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// Something happened.
    Step,
    /// The event was handled.
    Good,
    /// An attempt ended, or a call failed.
    Bad,
    /// The handler wrote a line.
    Log,
    /// Lambda, the dispatcher or the runner wrote a line.
    Note,
}

/// What a step is of something that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepSpan {
    /// Nothing: it takes none.
    Moment,
    /// A process begins its work.
    Begins,
    /// It ends it.
    Ends,
    /// A planned wait, of this length.
    Lasts(Duration),
}

impl fmt::Display for JobPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary { function } | Self::Dispatcher { function } => write!(f, "Lambda {function}"),
            Self::Task { attempt: Some(attempt), .. } => write!(f, "Fargate, {attempt}"),
            // The first characters tell tasks apart.
            Self::Task { id, attempt: None, .. } => write!(f, "Fargate, task {id:.8}"),
            Self::Queue { name } => write!(f, "SQS {name}"),
            Self::Api { service } if service.is_empty() => f.write_str("API"),
            Self::Api { service } => write!(f, "API {service}"),
        }
    }
}

impl fmt::Display for TaskAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { series: 0, attempt } => write!(f, "attempt {attempt}"),
            Self { series, attempt } => write!(f, "series {series}, attempt {attempt}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_by_its_service_and_what_it_is_there() {
        let task = |attempt| JobPlace::Task { id: "0123456789abcdef".into(), attempt, is_spot: true };
        let of = |series, attempt| Some(TaskAttempt { series, attempt });
        let table = [
            (JobPlace::Primary { function: "ingest".into() }, "Lambda ingest"),
            (JobPlace::Dispatcher { function: "ingestDlq".into() }, "Lambda ingestDlq"),
            (task(None), "Fargate, task 01234567"),
            (task(of(0, 2)), "Fargate, attempt 2"),
            (task(of(1, 2)), "Fargate, series 1, attempt 2"),
            (JobPlace::Queue { name: "ingest-failures".into() }, "SQS ingest-failures"),
            (JobPlace::Api { service: "ecs".into() }, "API ecs"),
            (JobPlace::Api { service: String::new() }, "API"),
        ];
        for (place, expected) in table {
            assert_eq!(place.to_string(), expected);
        }
    }
}
