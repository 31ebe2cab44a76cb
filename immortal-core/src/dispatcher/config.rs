//! The dispatcher's configuration, read once; all errors are reported in one message.

use super::queue_arn::QueueArn;
use crate::{
    function::FunctionName,
    metrics,
    names::{DISPATCHER_SUFFIX, env},
    order::EventForm,
    task_definition::family,
};

/// The configuration with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DispatcherConfig {
    pub(crate) primary: FunctionName,
    /// The dispatcher's own name.
    pub(crate) own_name: String,
    /// The task definition: a family, a family with revision, or an ARN.
    pub(crate) task_definition: String,
    /// The container that the order is for.
    pub(crate) container: String,
    pub(crate) cluster: String,
    /// Where tasks may run.
    pub(crate) network: NetworkConfig,
    /// The forms of an event that orders may use.
    pub(crate) transport: EventTransport,
    /// The URL of the dead-letter queue; without one, what would be a dead letter goes back to its queue.
    pub(crate) dead_letter_queue: Option<String>,
    /// The ARNs of the queues that trigger the primary.
    pub(crate) source_queues: Vec<String>,
    /// The approximate limit of concurrent tasks of this function; `None`: no limit.
    pub(crate) max_tasks: Option<u32>,
    pub(crate) options: TaskOptions,
    /// Whether decisions are counted.
    pub(crate) has_metrics: bool,
}

/// The network of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetworkConfig {
    /// The subnets, in the order in which they are configured.
    pub(crate) subnets: Vec<String>,
    /// The security groups; none: the VPC's default.
    pub(crate) security_groups: Vec<String>,
    /// Whether a task has a public address.
    pub(crate) public_ip: bool,
}

/// Optional features of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskOptions {
    /// The tags of its definition.
    pub(crate) propagate_tags: bool,
    /// Commands through ECS Exec.
    pub(crate) execute_command: bool,
}

/// The forms of an event that orders may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventTransport {
    /// In the order itself, and through this bucket where it is too large for that.
    Inline {
        /// The bucket; without one, an event too large for the order is refused.
        bucket: Option<String>,
    },
    /// Always through this bucket: whoever may describe tasks can read an order.
    Bucket(String),
}

impl EventTransport {
    /// Whether an event may go on in the form that it has.
    #[must_use]
    pub(crate) fn takes(&self, form: &EventForm) -> bool {
        match self {
            Self::Inline { .. } => true,
            Self::Bucket(_) => matches!(form, EventForm::S3(_)),
        }
    }

    /// The bucket, where there is one.
    #[must_use]
    pub(crate) fn bucket(&self) -> Option<&str> {
        match self {
            Self::Inline { bucket } => bucket.as_deref(),
            Self::Bucket(bucket) => Some(bucket),
        }
    }
}

/// All errors in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dispatcher can't start: {}; set these variables of the Lambda function", .0.join("; "))]
pub(crate) struct ConfigProblems(pub Vec<String>);

impl DispatcherConfig {
    /// Reads the configuration of a Lambda function, which must be one: `lambda_runtime` can't start elsewhere.
    pub(crate) fn read_in_lambda(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigProblems> {
        let needed =
            [env::RUNTIME_API, env::FUNCTION_NAME, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];
        let missing: Vec<_> = needed.into_iter().filter(|name| lookup(name).is_none()).collect();
        let config = Self::read(lookup);
        if missing.is_empty() {
            return config;
        }
        let mut problems =
            vec![format!("{}, which Lambda sets, is missing (it runs in Lambda only)", missing.join(", "))];
        problems.extend(config.err().unwrap_or_else(|| ConfigProblems(Vec::new())).0);
        Err(ConfigProblems(problems))
    }

    /// Parses the configuration from variables; an empty variable counts as absent.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigProblems> {
        let lookup = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut problems = Vec::new();
        let own_name = lookup(env::FUNCTION_NAME).unwrap_or_default();
        let primary = primary(lookup(env::FUNCTION), &own_name, &mut problems);
        let task_definition = lookup(env::RUNNER).or_else(|| lookup(env::RUNNER_ARTICLE));
        if task_definition.is_none() {
            problems.push(format!("{} is missing (the runner's task definition)", env::RUNNER));
        }
        let network = network(&lookup, &mut problems);
        let transport = transport(lookup(env::EVENT_BUCKET), lookup(env::INLINE_EVENTS).as_deref(), &mut problems);
        let dead_letter_queue = dead_letter_queue(lookup(env::DEAD_LETTER_QUEUE), &mut problems);
        let source_queues = source_queues(lookup(env::SOURCE_QUEUES), &mut problems);
        let max_tasks = max_tasks(lookup(env::MAX_TASKS), &mut problems);
        let has_metrics = metrics::are_on(lookup(env::METRICS).as_deref()).map_err(|problem| problems.push(problem));
        let mut flag = |name| flag(name, lookup(name).as_deref(), false, &mut problems) == Some(true);
        let options =
            TaskOptions { propagate_tags: flag(env::PROPAGATE_TAGS), execute_command: flag(env::EXECUTE_COMMAND) };
        match (primary, task_definition, network, transport) {
            (Some(primary), Some(task_definition), Some(network), Some(transport)) if problems.is_empty() => Ok(Self {
                primary,
                own_name,
                container: lookup(env::CONTAINER).unwrap_or_else(|| family(&task_definition).to_owned()),
                task_definition,
                cluster: lookup(env::CLUSTER).unwrap_or_else(|| "default".to_owned()),
                network,
                transport,
                dead_letter_queue,
                source_queues,
                max_tasks,
                options,
                has_metrics: has_metrics.unwrap_or(true),
            }),
            _ => Err(ConfigProblems(problems)),
        }
    }
}

fn primary(named: Option<String>, own_name: &str, problems: &mut Vec<String>) -> Option<FunctionName> {
    let derived = own_name.strip_suffix(DISPATCHER_SUFFIX).filter(|name| !name.is_empty()).map(str::to_owned);
    let Some(text) = named.or(derived) else {
        problems.push(format!(
            "{} is missing, and this function's own name {own_name:?} doesn't end in {DISPATCHER_SUFFIX}",
            env::FUNCTION
        ));
        return None;
    };
    let primary: FunctionName =
        text.parse().map_err(|error| problems.push(format!("{}: {error}", env::FUNCTION))).ok()?;
    if primary.name == own_name && primary.account.is_none() {
        problems.push(format!("{} names this function itself, and must name the primary", env::FUNCTION));
        return None;
    }
    Some(primary)
}

fn network(lookup: &impl Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Option<NetworkConfig> {
    let subnets = list(lookup(env::SUBNETS).or_else(|| lookup(env::SUBNETS_ARTICLE)));
    if subnets.is_empty() {
        problems.push(format!("{} is missing (comma-separated subnet ids)", env::SUBNETS));
    }
    let public_ip = match lookup(env::ASSIGN_PUBLIC_IP).as_deref() {
        None | Some("ENABLED") => true,
        Some("DISABLED") => false,
        Some(other) => {
            problems.push(format!("{} is {other:?}, and must be ENABLED or DISABLED", env::ASSIGN_PUBLIC_IP));
            return None;
        }
    };
    Some(NetworkConfig { subnets, security_groups: list(lookup(env::SECURITY_GROUPS)), public_ip })
}

fn transport(bucket: Option<String>, inline: Option<&str>, problems: &mut Vec<String>) -> Option<EventTransport> {
    if let Some(bucket) = &bucket
        && (bucket.contains(['/', ':']) || bucket.contains(char::is_whitespace))
    {
        problems.push(format!("{} is {bucket:?}, and must be a bucket's bare name", env::EVENT_BUCKET));
        return None;
    }
    match (flag(env::INLINE_EVENTS, inline, true, problems)?, bucket) {
        (true, bucket) => Some(EventTransport::Inline { bucket }),
        (false, Some(bucket)) => Some(EventTransport::Bucket(bucket)),
        (false, None) => {
            problems.push(format!("{} is false, and {} is missing", env::INLINE_EVENTS, env::EVENT_BUCKET));
            None
        }
    }
}

/// `true` or `false`, or the default; `None` where it is anything else.
fn flag(name: &str, text: Option<&str>, default: bool, problems: &mut Vec<String>) -> Option<bool> {
    match text {
        None => Some(default),
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => {
            problems.push(format!("{name} is {other:?}, and must be true or false"));
            None
        }
    }
}

fn dead_letter_queue(url: Option<String>, problems: &mut Vec<String>) -> Option<String> {
    let url = url?;
    if url.starts_with("https://") || url.starts_with("http://") {
        return Some(url);
    }
    problems.push(format!("{} is {url:?}, and must be the queue's URL (https://…)", env::DEAD_LETTER_QUEUE));
    None
}

fn source_queues(list_of_arns: Option<String>, problems: &mut Vec<String>) -> Vec<String> {
    let mut queues = list(list_of_arns);
    queues.sort_unstable();
    queues.dedup();
    for queue in &queues {
        if QueueArn::parse(queue).is_none() {
            problems.push(format!(
                "{} holds {queue:?}, and each must be the ARN of a queue (arn:aws:sqs:REGION:ACCOUNT:NAME)",
                env::SOURCE_QUEUES
            ));
        } else if is_fifo(queue) {
            problems.push(format!(
                "{} holds the FIFO queue {queue:?}, whose order no task could keep; use a standard queue",
                env::SOURCE_QUEUES
            ));
        }
    }
    queues
}

/// Source:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/fifo-queue-message-identifiers.html>.
fn is_fifo(queue: &str) -> bool {
    queue.rsplit_once('.').is_some_and(|(_, suffix)| suffix == "fifo")
}

fn max_tasks(number: Option<String>, problems: &mut Vec<String>) -> Option<u32> {
    let text = number?;
    let number = text.parse().ok().filter(|number| *number > 0);
    if number.is_none() {
        problems.push(format!("{} is {text:?}, and must be a whole number from 1", env::MAX_TASKS));
    }
    number
}

fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
