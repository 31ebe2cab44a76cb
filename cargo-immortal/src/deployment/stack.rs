//! Which resources of a stack are those of the template: `cargo immortal template`'s own, or as CDK renames them.

use super::parts::DeploymentParts;
use crate::aws::StackResource;

/// What a stack holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StackSearch {
    /// One dispatcher with what belongs to it.
    Found(Box<DeploymentParts>),
    /// None; these nested stacks might, by logical id and ARN.
    Nested(Vec<(String, String)>),
    /// Several dispatchers.
    Several(Vec<String>),
}

const FUNCTION: &str = "AWS::Lambda::Function";
const QUEUE: &str = "AWS::SQS::Queue";
/// The template's name of its dispatcher.
const DISPATCHER: &str = "Dispatcher";

/// Finds the template's resources by logical id and type.
pub(super) fn search(resources: &[StackResource]) -> StackSearch {
    let dispatchers: Vec<_> = resources.iter().filter_map(|one| prefix_of(one).map(|prefix| (prefix, one))).collect();
    match dispatchers.as_slice() {
        [] => {
            let is_nested = |one: &&StackResource| one.kind == "AWS::CloudFormation::Stack";
            let nested = resources.iter().filter(is_nested);
            StackSearch::Nested(nested.map(|one| (one.logical_id.clone(), one.physical_id.clone())).collect())
        }
        [(prefix, dispatcher)] => StackSearch::Found(Box::new(parts(resources, prefix, dispatcher))),
        several => StackSearch::Several(several.iter().map(|(_, one)| one.physical_id.clone()).collect()),
    }
}

/// What stands before the template's own ids in those of a dispatcher: nothing, or the construct's name, behind which CDK puts
/// a hash.
fn prefix_of(resource: &StackResource) -> Option<&str> {
    let (prefix, hash) = resource.logical_id.split_once(DISPATCHER).filter(|_| resource.kind == FUNCTION)?;
    is_hash(hash).then_some(prefix)
}

/// Eight hexadecimal digits in capitals, or nothing.
///
/// Source: `makeUniqueId` in <https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/core/lib/private/uniqueid.ts>.
fn is_hash(text: &str) -> bool {
    text.is_empty() || (text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')))
}

fn parts(resources: &[StackResource], prefix: &str, dispatcher: &StackResource) -> DeploymentParts {
    let find = |id: &str, kind: &str| {
        let is_it = |one: &&StackResource| {
            let rest = one.logical_id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(id));
            one.kind == kind && rest.is_some_and(is_hash)
        };
        resources.iter().find(is_it).map(|one| one.physical_id.clone())
    };
    DeploymentParts {
        function: find("Primary", FUNCTION),
        dispatcher: Some(dispatcher.physical_id.clone()),
        cluster: find("OwnCluster", "AWS::ECS::Cluster"),
        task_definition: find("TaskDefinition", "AWS::ECS::TaskDefinition"),
        failure_queue: find("FailureQueue", QUEUE),
        dead_letter_queue: find("DeadLetterQueue", QUEUE),
        mapping: find("FailureMapping", "AWS::Lambda::EventSourceMapping"),
        event_bucket: find("EventBucket", "AWS::S3::Bucket"),
        rule: find("TaskStopped", "AWS::Events::Rule"),
        function_logs: find("PrimaryLogs", "AWS::Logs::LogGroup"),
        dispatcher_logs: find("DispatcherLogs", "AWS::Logs::LogGroup"),
        task_logs: find("RunnerLogs", "AWS::Logs::LogGroup"),
        ..DeploymentParts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(ids: &[(&str, &str)]) -> Vec<StackResource> {
        let resource = |(id, kind): &(&str, &str)| StackResource {
            logical_id: (*id).to_owned(),
            kind: (*kind).to_owned(),
            physical_id: format!("the {id}"),
        };
        ids.iter().map(resource).collect()
    }

    fn found(ids: &[(&str, &str)]) -> DeploymentParts {
        match search(&resources(ids)) {
            StackSearch::Found(parts) => *parts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_templates_own_ids() {
        let parts = found(&[
            ("Primary", FUNCTION),
            ("Dispatcher", FUNCTION),
            ("DispatcherLogs", "AWS::Logs::LogGroup"),
            ("FailureQueue", QUEUE),
            ("FailureQueuePolicy", "AWS::SQS::QueuePolicy"),
            ("OwnCluster", "AWS::ECS::Cluster"),
        ]);
        assert_eq!(parts.function.as_deref(), Some("the Primary"));
        assert_eq!(parts.dispatcher.as_deref(), Some("the Dispatcher"));
        assert_eq!(parts.failure_queue.as_deref(), Some("the FailureQueue"));
        assert_eq!(parts.cluster.as_deref(), Some("the OwnCluster"));
        assert_eq!((parts.dead_letter_queue, parts.mapping), (None, None));
    }

    #[test]
    fn the_ids_that_cdk_makes_of_them() {
        let parts = found(&[
            ("Hello0A1B2C3D", FUNCTION),
            ("HelloImmortalDispatcher0A1B2C3D", FUNCTION),
            ("HelloImmortalFailureQueue11112222", QUEUE),
            ("HelloFailureQueue", QUEUE),
            ("HelloImmortalDeadLetterQueueAAAABBBB", QUEUE),
        ]);
        assert_eq!(parts.function, None, "another stack's, or another construct's");
        assert_eq!(parts.dispatcher.as_deref(), Some("the HelloImmortalDispatcher0A1B2C3D"));
        assert_eq!(parts.failure_queue.as_deref(), Some("the HelloImmortalFailureQueue11112222"));
        assert_eq!(parts.dead_letter_queue.as_deref(), Some("the HelloImmortalDeadLetterQueueAAAABBBB"));
    }

    #[test]
    fn a_stack_without_a_dispatcher_may_have_it_nested() {
        let nested = [("Hello", FUNCTION), ("Jobs", "AWS::CloudFormation::Stack"), ("DispatcherX", FUNCTION)];
        let expected = StackSearch::Nested(vec![("Jobs".to_owned(), "the Jobs".to_owned())]);
        assert_eq!(search(&resources(&nested)), expected);
        let two = [("ADispatcher", FUNCTION), ("BDispatcher", FUNCTION)];
        let expected = StackSearch::Several(vec!["the ADispatcher".to_owned(), "the BDispatcher".to_owned()]);
        assert_eq!(search(&resources(&two)), expected);
    }
}
