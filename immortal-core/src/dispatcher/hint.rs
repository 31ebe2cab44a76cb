//! What to fix after an AWS call was refused, naming each value that may be wrong.

use super::{
    answer::ServiceError,
    config::{DispatcherConfig, EventTransport},
};

/// What to fix after a permanent error.
pub(super) fn for_refusal(call: &str, refusal: &ServiceError, config: &DispatcherConfig) -> String {
    match (call, refusal.code.as_str()) {
        (_, "AccessDenied" | "AccessDeniedException" | "AWS.SimpleQueueService.AccessDenied") => {
            denied(call, refusal, config)
        }
        // A HEAD has no body, and so no code.
        ("HeadObject", _) if refusal.status == 403 => denied(call, refusal, config),
        ("SendMessage", _) => format!(
            "IMMORTAL_DEAD_LETTER_QUEUE is {:?}, and must be the URL of a queue of this region",
            config.dead_letter_queue.as_deref().unwrap_or_default()
        ),
        ("ChangeMessageVisibility", _) => "check the failure queue".to_owned(),
        (
            _,
            "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "InvalidAccessKeyId"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidToken",
        ) => "check the dispatcher's execution role".to_owned(),
        ("PutObject", code) => put_object_hint(code, config),
        (_, code) => run_task_hint(code, &refusal.message, config),
    }
}

fn denied(call: &str, refusal: &ServiceError, config: &DispatcherConfig) -> String {
    let DispatcherConfig { cluster, task_definition, .. } = config;
    match call {
        // Its words: "with an explicit deny in a service control policy".
        _ if says(&refusal.message, "service control policy") => format!(
            "a service control policy of the organization denies it, which no role can allow: ask its administrators \
             to except the dispatcher's role from it; such policies often ask for tags, and {call} sends none"
        ),
        _ if says(&refusal.message, "explicit deny") => {
            "take the deny out of the policy that the message names: it stands above whatever is allowed".to_owned()
        }
        "PutObject" => format!(
            "allow the dispatcher s3:PutObject on immortal/* in the bucket {:?} (IMMORTAL_EVENT_BUCKET), and \
             kms:GenerateDataKey on its key",
            bucket(config)
        ),
        "HeadObject" => format!(
            "allow the dispatcher s3:GetObject on immortal/* in the bucket {0:?} (IMMORTAL_EVENT_BUCKET), and s3:ListBucket \
             on {0:?} with that prefix",
            bucket(config)
        ),
        "DeleteObject" => {
            format!("allow the dispatcher s3:DeleteObject on immortal/* in the bucket {:?}", bucket(config))
        }
        "DescribeTasks" => format!("allow the dispatcher ecs:DescribeTasks on the tasks of the cluster {cluster:?}"),
        "ListTasks" => format!("allow the dispatcher ecs:ListTasks on *, with ecs:cluster {cluster:?} as condition"),
        "DescribeTaskDefinition" => "allow the dispatcher ecs:DescribeTaskDefinition on *".to_owned(),
        "SendMessage" => format!(
            "allow the dispatcher sqs:SendMessage on the dead-letter queue {:?}",
            config.dead_letter_queue.as_deref().unwrap_or_default()
        ),
        "ChangeMessageVisibility" => "allow the dispatcher sqs:ChangeMessageVisibility on the failure queue".to_owned(),
        _ => format!(
            "allow the dispatcher ecs:RunTask on the task definition {task_definition:?}, and iam:PassRole on its two \
             roles"
        ),
    }
}

fn put_object_hint(code: &str, config: &DispatcherConfig) -> String {
    let bucket = bucket(config);
    match code {
        "NoSuchBucket" | "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
            format!("IMMORTAL_EVENT_BUCKET is {bucket:?}, and must name a bucket of this region")
        }
        _ if code.starts_with("KMS.") => format!("check the key that encrypts the bucket {bucket:?}"),
        _ => format!("check the bucket {bucket:?} (IMMORTAL_EVENT_BUCKET) and its policy"),
    }
}

/// The words are ECS's, and EC2's behind it, as public reports have them; not all of them are documented.
fn run_task_hint(code: &str, message: &str, config: &DispatcherConfig) -> String {
    let DispatcherConfig { cluster, task_definition, container, network, .. } = config;
    let no_cluster = || format!("IMMORTAL_CLUSTER is {cluster:?}, and must name an active cluster of this region");
    let no_definition =
        || format!("IMMORTAL_RUNNER is {task_definition:?}, and must name an active task definition of this region");
    match code {
        "ClusterNotFoundException" => return no_cluster(),
        "PlatformTaskDefinitionIncompatibilityException" | "PlatformUnknownException" => {
            return format!(
                "check the task definition {task_definition:?}: its runtimePlatform (cpuArchitecture, \
                 operatingSystemFamily) must be one that Fargate's latest platform version has in this region"
            );
        }
        "ConflictException" => return "another call with this token is under way".to_owned(),
        "BlockedException" => return "the account is blocked: ask AWS Support".to_owned(),
        "ClientException" | "InvalidParameterException" => {}
        _ => return "check the dispatcher's permissions and configuration".to_owned(),
    }
    let said = |words: &[&str]| words.iter().any(|words| says(message, words));
    if said(&["service linked role", "service-linked role"]) {
        "create it, once for the account: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com"
            .to_owned()
    } else if said(&["setting for container"]) {
        format!(
            "that container of the task definition {task_definition:?} has limits of its own: take its cpu, memory and \
             memoryReservation out, since the attribute sizes the task"
        )
    } else if said(&["not a container", "container override", "does not exist in the task definition"]) {
        format!(
            "IMMORTAL_CONTAINER is {container:?}, and must name a container of the task definition {task_definition:?}"
        )
    } else if said(&["cluster not found", "cluster was not found", "cluster is inactive"]) {
        no_cluster()
    } else if said(&["task definition", "taskdefinition"]) {
        no_definition()
    } else if said(&["subnet"]) {
        format!("check IMMORTAL_SUBNETS: {}", network.subnets.join(", "))
    } else if said(&["security group"]) {
        format!("check IMMORTAL_SECURITY_GROUPS: {}", network.security_groups.join(", "))
    } else if said(&["capacity provider"]) {
        format!("associate FARGATE_SPOT with the cluster {cluster:?}, or take `spot` out of the attribute")
    } else {
        "check the dispatcher's configuration and the attribute's cpu, memory and storage".to_owned()
    }
}

fn says(message: &str, words: &str) -> bool {
    message.to_ascii_lowercase().contains(words)
}

fn bucket(config: &DispatcherConfig) -> &str {
    match &config.transport {
        EventTransport::Bucket(bucket) | EventTransport::Inline { bucket: Some(bucket) } => bucket,
        EventTransport::Inline { bucket: None } => "",
    }
}

/// What to fix after one of `RunTask`'s `failures`.
pub(super) fn for_failure(reason: &str, config: &DispatcherConfig) -> String {
    match reason {
        "MISSING" | "INACTIVE" => format!(
            "IMMORTAL_CLUSTER is {:?} and IMMORTAL_RUNNER is {:?}: both must name what is there and active",
            config.cluster, config.task_definition
        ),
        _ => "check the account's Fargate quotas and the attribute's cpu and memory".to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dispatcher::answer::{AwsError, error_line};

    pub(in crate::dispatcher) fn config() -> DispatcherConfig {
        let variables = [
            ("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq"),
            ("IMMORTAL_RUNNER", "my-family:3"),
            ("IMMORTAL_CONTAINER", "main"),
            ("IMMORTAL_CLUSTER", "my-cluster"),
            ("IMMORTAL_SUBNETS", "subnet-1"),
            ("IMMORTAL_SECURITY_GROUPS", "sg-1"),
            ("IMMORTAL_EVENT_BUCKET", "my-bucket"),
        ];
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        DispatcherConfig::read(lookup).expect("complete")
    }

    #[test]
    fn a_put_is_explained_by_what_refused_it() {
        let put = |status, code: &str, message: &str| {
            let refusal = ServiceError { status, code: code.into(), message: message.into(), resource_ids: vec![] };
            error_line("PutObject", &AwsError::Refused(refusal), &config())
        };
        let table = [
            (put(403, "AccessDenied", "Access Denied"), "s3:PutObject"),
            (put(403, "AccessDenied", "with an explicit deny in a service control policy"), "service control policy"),
            (put(404, "NoSuchBucket", ""), r#"IMMORTAL_EVENT_BUCKET is "my-bucket""#),
            (put(400, "KMS.DisabledException", ""), "key"),
            (put(403, "ExpiredToken", ""), "execution role"),
            (put(503, "SlowDown", "Please reduce your request rate."), "passes by itself"),
            (put(500, "InternalError", ""), "passes by itself"),
            (put(400, "RequestTimeout", ""), "passes by itself"),
            (put(400, "SomethingNew", ""), "my-bucket"),
        ];
        for (line, named) in table {
            assert!(line.contains(named), "{line}");
            let permission = line.contains("allow the dispatcher s3:PutObject");
            assert_eq!(permission, named == "s3:PutObject", "{line}");
        }
    }
}
