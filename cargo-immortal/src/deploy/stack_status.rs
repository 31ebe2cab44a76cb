//! What a stack's status means for a deployment, and which resource made one fail.

use crate::aws::StackEvent;

/// The type under which a stack's events tell of the stack itself.
pub(super) const STACK: &str = "AWS::CloudFormation::Stack";

/// Whether a stack can be deployed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StackReadiness {
    /// There is none, or no more than a change set that was never executed.
    New,
    Ready,
    /// Another deployment is at work.
    Busy,
    /// It was never made: it has to be deleted first.
    NeverMade,
    /// Its last roll-back failed.
    Stuck,
}

/// Source of the statuses:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes>
pub(super) fn readiness(status: Option<&str>) -> StackReadiness {
    match status {
        None | Some("REVIEW_IN_PROGRESS" | "DELETE_COMPLETE") => StackReadiness::New,
        Some("CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED") => StackReadiness::NeverMade,
        Some("UPDATE_ROLLBACK_FAILED" | "UPDATE_FAILED") => StackReadiness::Stuck,
        Some(status) if status.ends_with("_IN_PROGRESS") => StackReadiness::Busy,
        Some(_) => StackReadiness::Ready,
    }
}

/// Why nothing can be deployed to a stack now, and what to do.
pub(super) fn obstacle(stack: &str, status: Option<&str>) -> Option<String> {
    let shown = status.unwrap_or_default();
    match readiness(status) {
        StackReadiness::New | StackReadiness::Ready => None,
        StackReadiness::Busy => {
            Some(format!("the stack {stack} is {shown}: another deployment is at work; wait for its end"))
        }
        StackReadiness::NeverMade => Some(format!(
            "the stack {stack} is {shown}: it was never made, or could not be deleted; delete what is left of it: \
             aws cloudformation delete-stack --stack-name {stack}, and deploy again"
        )),
        StackReadiness::Stuck => Some(format!(
            "the stack {stack} is {shown}: it could not be rolled back; \
             aws cloudformation continue-update-rollback --stack-name {stack}, and deploy again"
        )),
    }
}

/// Whether a deployment that ended with this status succeeded; `None` while it is at work.
pub(super) fn end_of(status: &str) -> Option<bool> {
    if status.ends_with("_IN_PROGRESS") {
        return None;
    }
    Some(matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE"))
}

/// Why a deployment failed: each resource that failed by itself, and not because another one had, the first one first.
pub(super) fn causes(events: &[StackEvent]) -> Vec<String> {
    let is_cause = |event: &&StackEvent| {
        let reason = event.reason.as_deref().unwrap_or_default();
        event.status.ends_with("_FAILED") && !reason.is_empty() && !reason.contains("cancelled")
    };
    let text = |event: &StackEvent| {
        let StackEvent { logical_id, kind, reason, .. } = event;
        format!("{logical_id} ({kind}): {}", reason.as_deref().unwrap_or_default())
    };
    let (resources, stacks): (Vec<_>, Vec<_>) = events.iter().filter(is_cause).partition(|event| event.kind != STACK);
    // What the stack itself says is no more than the names of the resources.
    let causes = if resources.is_empty() { stacks } else { resources };
    causes.into_iter().map(text).collect()
}

/// Whether a change set failed since there is nothing to change.
///
/// Both sentences are CloudFormation's: <https://github.com/aws/aws-cli/blob/v2/awscli/customizations/cloudformation/deployer.py>
pub(super) fn is_without_changes(reason: &str) -> bool {
    ["The submitted information didn't contain changes.", "No updates are to be performed"]
        .iter()
        .any(|sentence| reason.contains(sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_status_means() {
        let table = [
            (None, StackReadiness::New, ""),
            (Some("REVIEW_IN_PROGRESS"), StackReadiness::New, ""),
            (Some("CREATE_COMPLETE"), StackReadiness::Ready, ""),
            (Some("UPDATE_COMPLETE"), StackReadiness::Ready, ""),
            (Some("UPDATE_ROLLBACK_COMPLETE"), StackReadiness::Ready, ""),
            (Some("UPDATE_IN_PROGRESS"), StackReadiness::Busy, "another deployment is at work"),
            (Some("DELETE_IN_PROGRESS"), StackReadiness::Busy, "another deployment is at work"),
            (Some("ROLLBACK_COMPLETE"), StackReadiness::NeverMade, "delete-stack --stack-name hello"),
            (Some("DELETE_FAILED"), StackReadiness::NeverMade, "delete-stack --stack-name hello"),
            (Some("UPDATE_ROLLBACK_FAILED"), StackReadiness::Stuck, "continue-update-rollback --stack-name hello"),
        ];
        for (status, expected, words) in table {
            assert_eq!(readiness(status), expected, "{status:?}");
            match obstacle("hello", status) {
                None => assert_eq!(words, "", "{status:?}"),
                Some(text) => assert!(text.contains(words) && text.contains(status.unwrap_or_default()), "{text}"),
            }
        }
    }

    #[test]
    fn an_end_is_known_by_its_status() {
        let table = [
            ("CREATE_IN_PROGRESS", None),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None),
            ("UPDATE_ROLLBACK_IN_PROGRESS", None),
            ("CREATE_COMPLETE", Some(true)),
            ("UPDATE_COMPLETE", Some(true)),
            ("ROLLBACK_COMPLETE", Some(false)),
            ("UPDATE_ROLLBACK_COMPLETE", Some(false)),
            ("UPDATE_ROLLBACK_FAILED", Some(false)),
            ("DELETE_COMPLETE", Some(false)),
        ];
        for (status, expected) in table {
            assert_eq!(end_of(status), expected, "{status}");
        }
    }

    fn event(logical_id: &str, kind: &str, status: &str, reason: Option<&str>) -> StackEvent {
        StackEvent {
            id: String::new(),
            logical_id: logical_id.into(),
            kind: kind.into(),
            status: status.into(),
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn the_resources_that_failed_by_themselves_are_the_causes() {
        let stack = STACK;
        let events = [
            event("hello", stack, "UPDATE_IN_PROGRESS", Some("User Initiated")),
            event("Primary", "AWS::Lambda::Function", "UPDATE_FAILED", Some("S3 key is gone")),
            event("Dispatcher", "AWS::Lambda::Function", "UPDATE_FAILED", Some("Resource update cancelled")),
            event("EventBucket", "AWS::S3::Bucket", "CREATE_FAILED", None),
            event("TaskRole", "AWS::IAM::Role", "CREATE_FAILED", Some("no right to iam:PassRole")),
            event("hello", stack, "UPDATE_ROLLBACK_IN_PROGRESS", Some("The following resource(s) failed: [Primary]")),
        ];
        assert_eq!(
            causes(&events),
            ["Primary (AWS::Lambda::Function): S3 key is gone", "TaskRole (AWS::IAM::Role): no right to iam:PassRole"]
        );
        let events = [event("hello", stack, "CREATE_FAILED", Some("Template error"))];
        assert_eq!(causes(&events), ["hello (AWS::CloudFormation::Stack): Template error"]);
        assert_eq!(causes(&[]), [""; 0]);
    }

    #[test]
    fn a_change_set_without_changes_is_no_failure() {
        let table = [
            (
                "The submitted information didn't contain changes. Submit different information to create a change set.",
                true,
            ),
            ("No updates are to be performed.", true),
            ("Parameters: [Subnets] must have values", false),
            ("", false),
        ];
        for (reason, expected) in table {
            assert_eq!(is_without_changes(reason), expected, "{reason}");
        }
    }
}
