//! The environment of the handler's process, built from scratch like Lambda's.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use super::{config::RunnerConfig, deployed_function::DeployedFunction, identity::FunctionIdentity};
use crate::{
    names::{RESERVED, env},
    order::Order,
};

/// The variables of the task that are kept: the endpoints of credentials and of ECS's metadata.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-environment.html>
const KEPT: &[&str] = &[
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "ECS_CONTAINER_METADATA_URI",
    "ECS_CONTAINER_METADATA_URI_V4",
];

/// The variables of the task that the handler gets unless the function sets them: the network is the task's.
const PROXIES: &[&str] = &["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"];

/// Variables that a function can't set, besides those that Lambda reserves.
const DROPPED: &[&str] = &[
    env::MAX_CONCURRENCY,
    EXEC_WRAPPER,
    env::EVENT,
    env::EVENT_GZIP,
    env::EVENT_S3,
    env::CONTEXT,
    env::HANDLER_PATH,
    env::INTERRUPTIONS,
    env::LIMIT,
    env::SERIES,
];

/// The variable of the wrapper script; ignored.
pub(super) const EXEC_WRAPPER: &str = "AWS_LAMBDA_EXEC_WRAPPER";

/// The complete environment of the child.
pub(super) fn child_environment(
    order: &Order,
    function: &DeployedFunction,
    identity: &FunctionIdentity,
    config: &RunnerConfig,
    runtime_api: SocketAddr,
    own: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let mut environment = ordinary(function, config);
    environment.extend(PROXIES.iter().filter_map(|name| Some(((*name).to_owned(), own(name)?))));
    let dropped = |name: &str| RESERVED.contains(&name) || DROPPED.contains(&name);
    environment.extend(function.variables.0.iter().filter(|(name, _)| !dropped(name)).map(owned));
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("_HANDLER", identity.handler.clone());
    set("AWS_LAMBDA_FUNCTION_NAME", identity.name.clone());
    set("AWS_LAMBDA_FUNCTION_VERSION", identity.version.clone());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", identity.memory_mb.to_string());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned());
    set("AWS_LAMBDA_LOG_GROUP_NAME", identity.log_group.clone());
    if let Some(stream) = &identity.log_stream {
        set("AWS_LAMBDA_LOG_STREAM_NAME", stream.clone());
    }
    set(env::RUNTIME_API, runtime_api.to_string());
    set(env::TASK_ROOT, text(&config.task_root));
    set("LAMBDA_RUNTIME_DIR", text(&config.runtime_root));
    if let Some(runtime) = function.managed() {
        set("AWS_EXECUTION_ENV", format!("AWS_Lambda_{runtime}"));
    }
    let region_of_arn = function.arn.split(':').nth(3).filter(|region| !region.is_empty()).map(str::to_owned);
    if let Some(region) = region_of_arn.or_else(|| own("AWS_REGION")).or_else(|| own("AWS_DEFAULT_REGION")) {
        set("AWS_REGION", region.clone());
        set("AWS_DEFAULT_REGION", region);
    }
    set(env::ATTEMPT, order.attempt.to_string());
    if order.series > 0 {
        set(env::SERIES, order.series.to_string());
    }
    if let Some(bucket) = own(env::EVENT_BUCKET) {
        set(env::EVENT_BUCKET, bucket);
    }
    // Said, since the name of a primary may end as a dispatcher's does.
    set(env::ROLE, "handler".to_owned());
    for name in KEPT {
        match own(name) {
            Some(value) => environment.insert((*name).to_owned(), value),
            None => environment.remove(*name),
        };
    }
    environment
}

/// The variables that Lambda sets and a function may override.
fn ordinary(function: &DeployedFunction, config: &RunnerConfig) -> BTreeMap<String, String> {
    let (task, layers, runtime) = (text(&config.task_root), text(&config.layer_root), text(&config.runtime_root));
    // A managed runtime has its language under /var/lang.
    let (lang_bin, lang_lib) =
        if function.managed().is_some() { ("/var/lang/bin:", "/var/lang/lib:") } else { ("", "") };
    [
        ("PATH", format!("{lang_bin}/usr/local/bin:/usr/bin/:/bin:{layers}/bin")),
        (
            "LD_LIBRARY_PATH",
            format!("{lang_lib}/lib64:/usr/lib64:{runtime}:{runtime}/lib:{task}:{task}/lib:{layers}/lib"),
        ),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
    ]
    .into_iter()
    .chain(logging(function))
    .chain(function.is_traced().then_some(TRACING).into_iter().flatten().map(|(name, value)| (name, value.to_owned())))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// What the function's own lines look like, and from which level on they are written.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>
fn logging(function: &DeployedFunction) -> impl Iterator<Item = (&'static str, String)> {
    let format = function.log_format.clone().map(|format| ("AWS_LAMBDA_LOG_FORMAT", format));
    let level = function.log_level.clone().map(|level| ("AWS_LAMBDA_LOG_LEVEL", level));
    format.into_iter().chain(level)
}

/// What an SDK of X-Ray looks for where invocations are traced. No daemon listens here: what it sends to one is lost,
/// and with these it neither throws nor waits.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
const TRACING: [(&str, &str); 4] = [
    ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
    ("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
    ("_AWS_XRAY_DAEMON_PORT", "2000"),
];

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        context::Context,
        runner::{deployed_function::SecretValue, identity::tests::order},
    };

    fn function(variables: &[(&str, &str)]) -> DeployedFunction {
        DeployedFunction {
            name: "ingest".into(),
            arn: "arn:aws:lambda:eu-west-1:123456789012:function:ingest".into(),
            version: "7".into(),
            runtime: Some("provided.al2023".into()),
            handler: Some("bootstrap".into()),
            memory_mb: Some(512),
            variables: SecretValue(
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ),
            ..DeployedFunction::default()
        }
    }

    fn config() -> RunnerConfig {
        RunnerConfig {
            task_root: "/var/task".into(),
            layer_root: "/opt".into(),
            runtime_root: "/var/runtime".into(),
            stop_timeout: Duration::from_secs(30),
            start_timeout: Duration::from_mins(15),
            stall_timeout: Duration::from_secs(30),
            has_metrics: true,
            #[cfg(feature = "destinations")]
            on_success: crate::runner::destination::ResultDestination::default(),
            #[cfg(feature = "destinations")]
            event_bucket: None,
        }
    }

    fn environment(order: &Order, function: &DeployedFunction, own: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |name: &str| own.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        child_environment(
            order,
            function,
            &FunctionIdentity::from_order(order, function),
            &config(),
            SocketAddr::from(([127, 0, 0, 1], 9001)),
            own,
        )
    }

    fn lines(environment: &BTreeMap<String, String>) -> Vec<String> {
        environment.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn is_lambdas_and_nothing_else() {
        let own = [
            ("AWS_ACCESS_KEY_ID", "ours"),
            ("AWS_LAMBDA_FUNCTION_EVENT", "1"),
            ("IMMORTAL_ROLE", "runner"),
            ("HOME", "/root"),
            ("IMMORTAL_EVENT_BUCKET", "events"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x"),
            ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/x"),
        ];
        let environment =
            environment(&order(Context::default()), &function(&[("TABLE", "t"), ("TZ", "Asia/Tokyo")]), &own);
        assert_eq!(
            lines(&environment),
            [
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/x",
                "AWS_DEFAULT_REGION=eu-west-1",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
                "AWS_LAMBDA_FUNCTION_NAME=ingest",
                "AWS_LAMBDA_FUNCTION_VERSION=7",
                "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
                "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/ingest",
                "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001",
                "AWS_REGION=eu-west-1",
                "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/x",
                "IMMORTAL_ATTEMPT=2",
                "IMMORTAL_EVENT_BUCKET=events",
                "IMMORTAL_ROLE=handler",
                "LAMBDA_RUNTIME_DIR=/var/runtime",
                "LAMBDA_TASK_ROOT=/var/task",
                "LANG=en_US.UTF-8",
                "LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
                "PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
                "TABLE=t",
                "TZ=Asia/Tokyo",
                "_HANDLER=bootstrap",
            ]
        );
    }

    #[test]
    fn the_context_wins_and_an_empty_string_is_no_value() {
        let context = Context {
            function_name: "alias-of-ingest".into(),
            function_version: "6".into(),
            memory_limit_in_mb: "1024".into(),
            log_group_name: "/custom".into(),
            log_stream_name: "2026/01/01/[6]abc".into(),
            ..Context::default()
        };
        let ours = Order { handler_path: Some("app.other".into()), ..order(context) };
        let environment = environment(&ours, &function(&[]), &[]);
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", "alias-of-ingest"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "6"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/custom"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[6]abc"),
            ("_HANDLER", "app.other"),
        ] {
            assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
        }
    }

    #[test]
    fn the_tasks_proxy_is_the_handlers_unless_the_function_has_its_own() {
        let own = [("HTTPS_PROXY", "http://task:3128"), ("no_proxy", "169.254.170.2")];
        let table =
            [(&[][..], "http://task:3128"), (&[("HTTPS_PROXY", "http://function:3128")], "http://function:3128")];
        for (variables, expected) in table {
            let environment = environment(&order(Context::default()), &function(variables), &own);
            assert_eq!(
                (environment["HTTPS_PROXY"].as_str(), environment["no_proxy"].as_str()),
                (expected, "169.254.170.2")
            );
            assert!(!environment.contains_key("HTTP_PROXY"), "{environment:?}");
        }
    }

    #[test]
    fn a_functions_variables_bring_in_nothing_that_is_reserved() {
        let names = RESERVED.iter().chain(DROPPED).chain(KEPT).chain(&[env::ATTEMPT, env::ROLE]);
        let all: Vec<_> = names.map(|name| (*name, "smuggled")).collect();
        let environment = environment(&order(Context::default()), &function(&all), &[]);
        assert!(!environment.values().any(|value| value == "smuggled"), "{environment:?}");
    }

    #[test]
    fn a_managed_runtime_has_its_language() {
        let python = DeployedFunction { runtime: Some("python3.13".into()), ..function(&[]) };
        let environment = environment(&order(Context::default()), &python, &[]);
        assert_eq!(environment["AWS_EXECUTION_ENV"], "AWS_Lambda_python3.13");
        assert!(environment["PATH"].starts_with("/var/lang/bin:"), "{}", environment["PATH"]);
    }

    #[test]
    fn logs_and_traces_are_as_the_function_has_them() {
        let of = |function: &DeployedFunction| {
            let order = order(Context::default());
            let identity = FunctionIdentity::from_order(&order, function);
            child_environment(&order, function, &identity, &config(), ([127, 0, 0, 1], 1).into(), |_| None)
        };
        let plain = of(&function(&[]));
        assert!(
            !plain.keys().any(|name| name.contains("XRAY") || name.starts_with("AWS_LAMBDA_LOG_FORMAT")),
            "{plain:?}"
        );
        let told = DeployedFunction {
            log_format: Some("JSON".into()),
            log_level: Some("DEBUG".into()),
            tracing_mode: Some("Active".into()),
            ..function(&[("AWS_LAMBDA_LOG_LEVEL", "TRACE")])
        };
        let environment = of(&told);
        let value = |name: &str| environment.get(name).map(String::as_str);
        assert_eq!((value("AWS_LAMBDA_LOG_FORMAT"), value("AWS_LAMBDA_LOG_LEVEL")), (Some("JSON"), Some("TRACE")));
        assert_eq!(value("AWS_XRAY_CONTEXT_MISSING"), Some("LOG_ERROR"));
        assert_eq!(value("AWS_XRAY_DAEMON_ADDRESS"), Some("127.0.0.1:2000"));
    }
}
