//! `cargo immortal logs`: the lines of all attempts of one job, in Lambda and on Fargate, in order.
//!
//! They are found by the request id in the log groups, so also long after ECS forgot the tasks. `stream` decides which lines of
//! a stream are the job's, `place` whose attempt they are, `log_report` what they tell of the whole job; the calls are here.

mod log_report;
mod place;
mod stream;

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, stdout},
    process::ExitCode,
    time::Duration,
};

use immortal_core::job_object::started_by;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio::time::sleep;

use self::{
    log_report::log_report,
    place::TaskAttempts,
    stream::{JobStream, LineAuthor, StreamKind},
};
use super::jobs::jobs;
use crate::{
    aws::{AwsConnection, ContainerLog, LogEvent, TaskSelection},
    deployment::{Deployment, DeploymentArgs},
    failure::CommandError,
    output::{eprint_line, print_line},
    report::{JobPlace, ReportArgs, ReportFile, TaskAttempt},
    value,
};

/// How often what is new is asked for: `GetLogEvents` allows 10 calls a second for each account.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How much of the time before is looked through again for streams that are new: lines come late.
const OVERLAP: Duration = Duration::from_mins(5);

/// Whose lines to show.
#[derive(Debug, clap::Args)]
pub(crate) struct LogsArgs {
    /// The job's request id
    request_id: String,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long, conflicts_with = "report")]
    follow: bool,
    /// Look no farther back, which is faster in a large log group
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    since: Option<Duration>,
    /// Print each line as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    deployment: DeploymentArgs,
}

/// A line of the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct JobLine {
    time: String,
    #[serde(skip)]
    at: i64,
    /// `Lambda hello`, `Fargate, attempt 1`.
    #[serde(serialize_with = "as_text")]
    place: JobPlace,
    /// `handler`, or `platform` for what Lambda, dispatcher and runner write.
    of: LineAuthor,
    text: String,
    stream: String,
}

/// What is known of the job's streams, and how far each was read.
struct JobLogs<'a> {
    aws: &'a AwsConnection,
    deployment: &'a Deployment,
    request_id: &'a str,
    tasks: Option<ContainerLog>,
    streams: BTreeMap<(String, String), ReadStream>,
    attempts: TaskAttempts,
}

/// A stream of the job, and where to go on in it.
struct ReadStream {
    job: JobStream,
    from: i64,
    next: Option<String>,
}

pub(crate) async fn run(args: LogsArgs) -> Result<ExitCode, CommandError> {
    let report = ReportFile::find(&args.report)?;
    let (aws, deployment) = args.deployment.open().await?;
    let tasks = match &deployment.task_logs {
        Some(group) => Some(ContainerLog { group: group.clone(), stream_prefix: String::new() }),
        None => aws.container_log(&deployment.task_definition, &deployment.container).await?,
    };
    let mut logs = JobLogs {
        aws: &aws,
        deployment: &deployment,
        request_id: &args.request_id,
        tasks,
        streams: BTreeMap::new(),
        attempts: TaskAttempts::default(),
    };
    let mut since = args.since.and_then(|since| Timestamp::now().checked_sub(since).ok());
    let mut shown = 0;
    loop {
        let looked_at = Timestamp::now();
        let lines = logs.new_lines(since).await?;
        shown += lines.len();
        for line in &lines {
            if args.json {
                print_line(serde_json::to_string(line).unwrap_or_default());
            } else {
                print_line(
                    line.shown(stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())),
                );
            }
        }
        if let Some(file) = report.as_ref().filter(|_| shown > 0) {
            file.write(&log_report(&args.request_id, &lines))?;
            eprint_line(format_args!("report: {}", file.path().display()));
        }
        if !args.follow {
            break;
        }
        since = looked_at.checked_sub(OVERLAP).ok();
        sleep(POLL_INTERVAL).await;
    }
    if shown == 0 { Err(CommandError::Failed(nothing(&logs))) } else { Ok(ExitCode::SUCCESS) }
}

impl JobLogs<'_> {
    /// What wasn't there at the last look, in order.
    async fn new_lines(&mut self, since: Option<Timestamp>) -> Result<Vec<JobLine>, CommandError> {
        self.find_streams(since).await?;
        let mut lines = Vec::new();
        for ((group, stream), read) in &mut self.streams {
            loop {
                let page = self.aws.log_page(group, stream, read.from, read.next.as_deref()).await?;
                // The end of a stream is where it gives the same token again:
                // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
                let is_end = page.next.is_none() || page.next == read.next;
                read.next = page.next.or(read.next.take());
                for event in page.events {
                    self.attempts.record_line(stream, &event.message);
                    if let Some(of) = read.job.take(&event.message, self.request_id) {
                        lines.push((read.job.kind, of, event));
                    }
                }
                if is_end {
                    break;
                }
            }
        }
        let mut lines: Vec<_> = lines.into_iter().map(|(kind, of, event)| self.line(kind, of, event)).collect();
        // Lines of one stream keep their order.
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }

    /// Looks for streams in which the request id stands, and which nobody read by now.
    async fn find_streams(&mut self, since: Option<Timestamp>) -> Result<(), CommandError> {
        let Deployment { function_logs, dispatcher_logs, .. } = self.deployment;
        let task_logs = self.tasks.as_ref().map(|tasks| tasks.group.clone());
        let groups = [
            (StreamKind::Primary, Some(function_logs.clone())),
            (StreamKind::Dispatcher, Some(dispatcher_logs.clone())),
            (StreamKind::Task, task_logs),
        ];
        for (kind, group) in groups.into_iter().filter_map(|(kind, group)| Some((kind, group?))) {
            let events = self.aws.find_in_logs(&group, self.request_id, since).await?;
            for event in events {
                let key = (group.clone(), event.stream.clone());
                if kind == StreamKind::Task && !self.streams.contains_key(&key) {
                    self.ask_for_attempts().await;
                }
                // A task's stream is all about its job, from the first line on.
                let from = if kind == StreamKind::Task { 0 } else { event.at };
                let stream = ReadStream { job: JobStream::new(kind), from, next: None };
                let known = self.streams.entry(key).or_insert(stream);
                known.from = known.from.min(from);
            }
        }
        Ok(())
    }

    /// Asks ECS which task is which attempt. Where it says nothing, the tasks' own lines and their order say it.
    async fn ask_for_attempts(&mut self) {
        let Deployment { cluster, container, .. } = self.deployment;
        let started_by = started_by(self.request_id);
        let tasks = self.aws.tasks(cluster, container, TaskSelection::StartedBy(&started_by)).await.unwrap_or_default();
        for task in tasks {
            let id = task.arn.rsplit('/').next().unwrap_or_default().to_owned();
            if let [job] = jobs(&[task], Timestamp::now()).as_slice() {
                self.attempts.know(id, TaskAttempt { series: job.series, attempt: job.attempt });
            }
        }
    }

    fn line(&self, kind: StreamKind, of: LineAuthor, event: LogEvent) -> JobLine {
        let place = match kind {
            StreamKind::Primary => JobPlace::Primary { function: self.deployment.function.clone() },
            StreamKind::Dispatcher => JobPlace::Dispatcher { function: self.deployment.dispatcher.clone() },
            StreamKind::Task => self.attempts.place(&event.stream),
        };
        JobLine {
            time: Timestamp::from_millisecond(event.at).map(|at| format!("{at:.3}")).unwrap_or_default(),
            at: event.at,
            place,
            of,
            text: event.message.trim_end().replace('\t', "  "),
            stream: event.stream,
        }
    }
}

fn as_text<S: Serializer>(place: &JobPlace, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(place)
}

fn nothing(logs: &JobLogs<'_>) -> String {
    let Deployment { function_logs, dispatcher_logs, .. } = logs.deployment;
    let tasks = logs.tasks.as_ref().map_or_else(String::new, |tasks| format!(", {}", tasks.group));
    format!(
        "no line of the request {} is in the log groups {function_logs}, {dispatcher_logs}{tasks}; lines come up to a minute \
         late, and are kept as long as each group says",
        logs.request_id
    )
}

impl JobLine {
    /// As `cargo immortal local` tells them apart: the handler's lines, and those of the platform around it.
    fn shown(&self, colours: bool) -> String {
        let Self { time, text, .. } = self;
        let place = self.place.to_string();
        let (mark, colour_mark, colour) = match self.of {
            LineAuthor::Handler => ("|", "│", "36"),
            LineAuthor::Platform => ("·", "·", "2"),
        };
        if colours {
            format!("\x1b[2m{time}  {place:<28}\x1b[0m  \x1b[{colour}m{colour_mark} {text}\x1b[0m")
        } else {
            format!("{time}  {place:<28}  {mark} {text}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_with_and_without_colours() {
        let line = |of| JobLine {
            time: "2026-11-26T12:00:00.000Z".to_owned(),
            at: 0,
            place: JobPlace::Task {
                id: "0".to_owned(),
                attempt: Some(TaskAttempt { series: 0, attempt: 1 }),
                is_spot: false,
            },
            of,
            text: "hello".to_owned(),
            stream: "task/runner/0".to_owned(),
        };
        let handler = line(LineAuthor::Handler);
        assert_eq!(handler.shown(false), "2026-11-26T12:00:00.000Z  Fargate, attempt 1            | hello");
        assert_eq!(
            line(LineAuthor::Platform).shown(false),
            "2026-11-26T12:00:00.000Z  Fargate, attempt 1            · hello"
        );
        assert!(handler.shown(true).contains("\x1b[36m│ hello"));
        assert_eq!(
            serde_json::to_string(&handler).expect("plain data"),
            r#"{"time":"2026-11-26T12:00:00.000Z","place":"Fargate, attempt 1","of":"handler","text":"hello","stream":"task/runner/0"}"#
        );
    }
}
