//! Every name and limit that crosses a process boundary: variables, paths, headers, error types, sizes.

/// Environment variables.
pub mod env {
    /// The role of the process: `handler`, `dispatcher`, `runner` or `describe`.
    pub const ROLE: &str = "IMMORTAL_ROLE";

    /// The order: the event as JSON.
    pub const EVENT: &str = "AWS_LAMBDA_FUNCTION_EVENT";
    /// The order: the event, gzipped, as base64.
    pub const EVENT_GZIP: &str = "IMMORTAL_EVENT_GZIP";
    /// The order: where the event is, as `s3://bucket/key`.
    pub const EVENT_S3: &str = "IMMORTAL_EVENT_S3";
    /// The order: the context as JSON.
    pub const CONTEXT: &str = "AWS_LAMBDA_FUNCTION_CONTEXT";
    /// The order: a handler that overrides the function's own.
    pub const HANDLER_PATH: &str = "AWS_LAMBDA_HANDLER_PATH";
    /// The order, and the handler's process: the number of the attempt.
    pub const ATTEMPT: &str = "IMMORTAL_ATTEMPT";
    /// The order: how many attempts before this one were interrupted.
    pub const INTERRUPTIONS: &str = "IMMORTAL_INTERRUPTIONS";
    /// The order, and the handler's process: which series of attempts this is; absent in the first.
    pub const SERIES: &str = "IMMORTAL_SERIES";
    /// The order: what triggered the primary, where that changes how its response is read: `sqs`.
    pub const SOURCE: &str = "IMMORTAL_SOURCE";
    /// The order: how long the attempt may run, in seconds.
    pub const LIMIT: &str = "IMMORTAL_LIMIT";
    /// The order: when the invocation failed, in Unix milliseconds; for the metrics alone.
    pub const FAILED_AT: &str = "IMMORTAL_FAILED_AT";

    /// Dispatcher: the primary, as a name or an ARN.
    pub const FUNCTION: &str = "IMMORTAL_FUNCTION";
    /// Dispatcher: the task definition.
    pub const RUNNER: &str = "IMMORTAL_RUNNER";
    /// Dispatcher: the article's name for [`RUNNER`].
    pub const RUNNER_ARTICLE: &str = "RUNNER";
    /// Dispatcher: subnets, comma-separated.
    pub const SUBNETS: &str = "IMMORTAL_SUBNETS";
    /// Dispatcher: the article's name for [`SUBNETS`].
    pub const SUBNETS_ARTICLE: &str = "SUBNET";
    /// Dispatcher: the ECS cluster.
    pub const CLUSTER: &str = "IMMORTAL_CLUSTER";
    /// Dispatcher: the container that the order is for.
    pub const CONTAINER: &str = "IMMORTAL_CONTAINER";
    /// Dispatcher: security groups, comma-separated.
    pub const SECURITY_GROUPS: &str = "IMMORTAL_SECURITY_GROUPS";
    /// Dispatcher: `ENABLED` or `DISABLED`.
    pub const ASSIGN_PUBLIC_IP: &str = "IMMORTAL_ASSIGN_PUBLIC_IP";
    /// Dispatcher: the bucket for events too large to inline. Runner: the bucket for results that no destination
    /// accepts.
    pub const EVENT_BUCKET: &str = "IMMORTAL_EVENT_BUCKET";
    /// Dispatcher: the URL of the dead-letter queue.
    pub const DEAD_LETTER_QUEUE: &str = "IMMORTAL_DEAD_LETTER_QUEUE";
    /// Dispatcher: the ARNs of the queues that trigger the primary, comma-separated.
    pub const SOURCE_QUEUES: &str = "IMMORTAL_SOURCE_QUEUES";
    /// Dispatcher: the approximate limit of concurrent tasks.
    pub const MAX_TASKS: &str = "IMMORTAL_MAX_TASKS";
    /// Dispatcher: `false` sends every event through the bucket.
    pub const INLINE_EVENTS: &str = "IMMORTAL_INLINE_EVENTS";
    /// Dispatcher: `true` gives tasks the tags of their definition.
    pub const PROPAGATE_TAGS: &str = "IMMORTAL_PROPAGATE_TAGS";
    /// Dispatcher: `true` allows ECS Exec in tasks.
    pub const EXECUTE_COMMAND: &str = "IMMORTAL_EXECUTE_COMMAND";

    /// Dispatcher and runner: `off` prints no metrics; default `on`.
    pub const METRICS: &str = "IMMORTAL_METRICS";

    /// Runner: where layers are unpacked.
    pub const LAYER_ROOT: &str = "IMMORTAL_LAYER_ROOT";
    /// Runner: seconds between SIGTERM and SIGKILL, as the task definition's `stopTimeout`.
    pub const STOP_TIMEOUT: &str = "IMMORTAL_STOP_TIMEOUT";
    /// Runner: seconds without a byte after which a download is requested again; default 30.
    pub const STALL_TIMEOUT: &str = "IMMORTAL_STALL_TIMEOUT";
    /// Runner: seconds within which the handler's process must ask for the event; default 900.
    pub const START_TIMEOUT: &str = "IMMORTAL_START_TIMEOUT";

    /// Runner: the ARN of the destination for results, or `none`; default: what the function's own configuration names.
    pub const ON_SUCCESS: &str = "IMMORTAL_ON_SUCCESS";

    /// Lambda: the Runtime API's host and port.
    pub const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
    /// Lambda: the function's name.
    pub const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
    /// Lambda: the directory of the function's code; the runner unpacks it there.
    pub const TASK_ROOT: &str = "LAMBDA_TASK_ROOT";
    /// Lambda: how many invocations one process may have at a time (managed instances).
    pub const MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";
}

/// The variables that Lambda sets itself, and refuses in a function's configuration.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
pub const RESERVED: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    env::FUNCTION_NAME,
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    env::RUNTIME_API,
    env::TASK_ROOT,
    "LAMBDA_RUNTIME_DIR",
];

/// Paths of the Lambda Runtime API, and of the extensions' API beside it.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>.
pub mod path {
    /// Where a runtime requests the next invocation.
    pub const NEXT: &str = "/2018-06-01/runtime/invocation/next";
    /// Behind it are the request id, and `response` or `error`.
    pub const INVOCATION: &str = "/2018-06-01/runtime/invocation/";
    /// Where a runtime reports that it can't start.
    pub const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";
    /// Where an extension registers.
    pub const REGISTER: &str = "/2020-01-01/extension/register";
    /// Where an extension waits for what it registered for.
    pub const EVENT_NEXT: &str = "/2020-01-01/extension/event/next";
}

/// Headers of the Lambda Runtime API.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>, and `lambda_runtime` for the newer two.
pub mod header {
    /// The invocation's request id.
    pub const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
    /// The invocation's deadline, in Unix milliseconds.
    pub const DEADLINE_MS: &str = "lambda-runtime-deadline-ms";
    /// The function's ARN as it was invoked.
    pub const FUNCTION_ARN: &str = "lambda-runtime-invoked-function-arn";
    /// The X-Ray trace id.
    pub const TRACE_ID: &str = "lambda-runtime-trace-id";
    /// The client context, as JSON.
    pub const CLIENT_CONTEXT: &str = "lambda-runtime-client-context";
    /// The Cognito identity, as JSON.
    pub const COGNITO_IDENTITY: &str = "lambda-runtime-cognito-identity";
    /// The tenant id.
    pub const TENANT_ID: &str = "lambda-runtime-aws-tenant-id";
    /// The invocation id, echoed by runtimes that know it.
    pub const INVOCATION_ID: &str = "lambda-runtime-invocation-id";
    /// The type of the error that a runtime reports.
    pub const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
    /// `streaming` for a streamed response.
    pub const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
}

/// The size in bytes of the largest event of Lambda, with some margin: the limit for events that are decompressed or
/// fetched.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>, 6 MB for a synchronous payload.
pub const MAX_EVENT: u64 = 8 * 1024 * 1024;

/// The error type, and message prefix, by which the dispatcher recognises a hand-over.
pub const HANDED_OVER: &str = "Immortal.HandedOver";

/// The error type, and message prefix, of a handler that ended early because it was to stop: it counts as a hand-over.
pub const STOPPED: &str = "Immortal.Stopped";

/// The error type, and message prefix, of an attempt that another one has replaced: no attempt follows it.
pub const SUPERSEDED: &str = "Immortal.Superseded";

/// The error type of a dead letter: the event was given up.
pub const GIVEN_UP: &str = "Immortal.GivenUp";

/// The error type, and the prefix of the message, of an event that can't be read as the handler's type.
pub const UNREADABLE_EVENT: &str = "Immortal.UnreadableEvent";

/// The suffix of a dispatcher's function name; without it, the name is the primary's.
pub const DISPATCHER_SUFFIX: &str = "Dlq";
