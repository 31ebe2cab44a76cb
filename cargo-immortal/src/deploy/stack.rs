//! The stack's part of a deployment: a change set, its changes, its execution with what happens as progress.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::{
    stack_parameters::ParameterValue,
    stack_status::{STACK, causes, end_of, is_without_changes},
};
use crate::{
    aws::{AwsConnection, ChangeSetDescription, ChangeSetRequest, StackChange, StackEvent},
    failure::CommandError,
    output::eprint_line,
};

/// Between two looks at what CloudFormation does, which takes minutes.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// A stack to deploy.
#[derive(Debug)]
pub(super) struct StackDeployment<'a> {
    pub(super) name: &'a str,
    pub(super) is_new: bool,
    pub(super) template: &'a str,
    pub(super) parameters: &'a BTreeMap<String, ParameterValue>,
}

/// What came of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StackOutcome {
    Created,
    Updated,
    Unchanged,
}

/// Deploys it, and waits for the end.
pub(super) async fn deploy(aws: &AwsConnection, stack: StackDeployment<'_>) -> Result<StackOutcome, CommandError> {
    let StackDeployment { name, is_new, template, parameters } = stack;
    let change_set = change_set_name(SystemTime::now());
    let parameters = parameters.iter().map(|(name, value)| match value {
        ParameterValue::Given(value) => (name.clone(), Some(value.clone())),
        ParameterValue::Previous => (name.clone(), None),
    });
    let parameters = parameters.collect();
    let request = ChangeSetRequest { stack: name, name: &change_set, is_new_stack: is_new, template, parameters };
    let id = aws.create_change_set(request).await?;
    let ready = ready(aws, name, &id).await?;
    if ready.status != "CREATE_COMPLETE" {
        aws.delete_change_set(name, &id).await?;
        if is_without_changes(&ready.reason) {
            eprint_line(format_args!("stack     {name} has nothing to change"));
            return Ok(StackOutcome::Unchanged);
        }
        return Err(CommandError::Failed(format!("the stack {name} can't be changed: {}", ready.reason)));
    }
    eprint_line(format_args!("stack     {} {name}", if is_new { "create" } else { "update" }));
    for line in change_lines(&ready.changes) {
        eprint_line(format_args!("            {line}"));
    }
    let last = if is_new { None } else { aws.stack_events(name, None).await?.pop().map(|event| event.id) };
    aws.execute_change_set(name, &id).await?;
    let goes_on = GoesOn { stack: name, at_work: true };
    let outcome = watch(aws, name, last).await;
    goes_on.ends();
    outcome?;
    Ok(if is_new { StackOutcome::Created } else { StackOutcome::Updated })
}

/// A name of the letters, digits and hyphens that a change set's may have.
fn change_set_name(now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("cargo-immortal-{}", now.as_millis())
}

/// The change set once it is made, or has failed.
async fn ready(aws: &AwsConnection, stack: &str, id: &str) -> Result<ChangeSetDescription, CommandError> {
    loop {
        let change_set = aws.change_set(stack, id).await?;
        if !matches!(change_set.status.as_str(), "CREATE_PENDING" | "CREATE_IN_PROGRESS") {
            return Ok(change_set);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Shows each event until the stack is at rest, as its own last event says: its status may still be the one before for a moment.
async fn watch(aws: &AwsConnection, stack: &str, mut last: Option<String>) -> Result<(), CommandError> {
    let mut seen: Vec<StackEvent> = Vec::new();
    loop {
        for event in aws.stack_events(stack, last.as_deref()).await? {
            eprint_line(format_args!("            {}", event_line(&event)));
            last = Some(event.id.clone());
            seen.push(event);
        }
        match end(stack, &seen) {
            Some((_, true)) => return Ok(()),
            Some((status, false)) => return Err(CommandError::Failed(failure(stack, status, &causes(&seen)))),
            None => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

/// The status that a deployment ended with, and whether that is a success.
fn end<'a>(stack: &str, events: &'a [StackEvent]) -> Option<(&'a str, bool)> {
    let own = events.iter().rfind(|event| event.kind == STACK && event.logical_id == stack)?;
    Some((&own.status, end_of(&own.status)?))
}

fn failure(stack: &str, status: &str, causes: &[String]) -> String {
    let causes = match causes {
        [] => "; no event says which resource failed: aws cloudformation describe-stack-events".to_owned(),
        causes => format!(": {}", causes.join("; ")),
    };
    let next = match status {
        "ROLLBACK_COMPLETE" => format!(
            "; fix it, delete what was never made: aws cloudformation delete-stack --stack-name {stack}, and deploy again"
        ),
        _ => "; fix it, and deploy again".to_owned(),
    };
    format!("the deployment of the stack {stack} failed, and it is {status}{causes}{next}")
}

/// One line for each resource; the ones that are replaced say so, since what is in them is left behind.
fn change_lines(changes: &[StackChange]) -> Vec<String> {
    let width = changes.iter().map(|change| change.logical_id.len()).max().unwrap_or_default();
    let line = |StackChange { action, logical_id, kind, replacement, properties }: &StackChange| {
        let replacement = match replacement.as_str() {
            "True" => "  replaced by a new one",
            "Conditional" => "  may be replaced by a new one",
            _ => "",
        };
        let properties = if properties.is_empty() { String::new() } else { format!("  {}", properties.join(", ")) };
        format!("{:<6}  {logical_id:<width$}  {kind}{properties}{replacement}", action.to_ascii_lowercase())
    };
    changes.iter().map(line).collect()
}

fn event_line(event: &StackEvent) -> String {
    let StackEvent { logical_id, kind, status, reason, .. } = event;
    let reason = reason.as_deref().filter(|_| status.ends_with("_FAILED"));
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{status:<20}  {logical_id}  {kind}{reason}")
}

/// Says that CloudFormation goes on where this command ends before it.
struct GoesOn<'a> {
    stack: &'a str,
    at_work: bool,
}

impl GoesOn<'_> {
    fn ends(mut self) {
        self.at_work = false;
    }
}

impl Drop for GoesOn<'_> {
    fn drop(&mut self) {
        if self.at_work {
            let stack = self.stack;
            eprint_line(format_args!(
                "note: CloudFormation goes on with the stack {stack}; \
                 aws cloudformation describe-stack-events --stack-name {stack} shows how it ends"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_lines() {
        let change = |action: &str, logical_id: &str, replacement: &str, properties: &[&str]| StackChange {
            action: action.into(),
            logical_id: logical_id.into(),
            kind: "AWS::A::B".into(),
            replacement: replacement.into(),
            properties: properties.iter().map(|name| (*name).to_owned()).collect(),
        };
        let changes = [
            change("Add", "Role", "", &[]),
            change("Modify", "Dispatcher", "False", &["Code", "Environment"]),
            change("Modify", "Queue", "True", &["QueueName"]),
            change("Modify", "Rule", "Conditional", &[]),
        ];
        assert_eq!(
            change_lines(&changes),
            [
                "add     Role        AWS::A::B",
                "modify  Dispatcher  AWS::A::B  Code, Environment",
                "modify  Queue       AWS::A::B  QueueName  replaced by a new one",
                "modify  Rule        AWS::A::B  may be replaced by a new one",
            ]
        );
    }

    #[test]
    fn a_failure_says_what_to_do() {
        let cause = ["Primary (AWS::Lambda::Function): no such key".to_owned()];
        let table = [
            (
                "UPDATE_ROLLBACK_COMPLETE",
                &cause[..],
                "UPDATE_ROLLBACK_COMPLETE: Primary (AWS::Lambda::Function): no such key; fix it, and deploy again",
            ),
            (
                "ROLLBACK_COMPLETE",
                &cause[..],
                "no such key; fix it, delete what was never made: aws cloudformation delete-stack --stack-name hello",
            ),
            ("ROLLBACK_COMPLETE", &[], "no event says which resource failed"),
        ];
        for (status, causes, expected) in table {
            let text = failure("hello", status, causes);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn the_stacks_own_last_event_is_the_end() {
        let event = |logical_id: &str, kind: &str, status: &str| StackEvent {
            logical_id: logical_id.into(),
            kind: kind.into(),
            status: status.into(),
            ..StackEvent::default()
        };
        let mut events = vec![event("hello", STACK, "UPDATE_IN_PROGRESS")];
        assert_eq!(end("hello", &[]), None);
        assert_eq!(end("hello", &events), None);
        events.push(event("Nested", STACK, "UPDATE_COMPLETE"));
        events.push(event("hello", "AWS::Lambda::Function", "UPDATE_COMPLETE"));
        assert_eq!(end("hello", &events), None);
        events.push(event("hello", STACK, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"));
        assert_eq!(end("hello", &events), None);
        events.push(event("hello", STACK, "UPDATE_ROLLBACK_COMPLETE"));
        assert_eq!(end("hello", &events), Some(("UPDATE_ROLLBACK_COMPLETE", false)));
        events.push(event("hello", STACK, "UPDATE_COMPLETE"));
        assert_eq!(end("hello", &events), Some(("UPDATE_COMPLETE", true)));
    }

    #[test]
    fn an_event_has_its_reason_where_it_failed() {
        let event = |status: &str| StackEvent {
            id: "1".into(),
            logical_id: "Primary".into(),
            kind: "AWS::Lambda::Function".into(),
            status: status.into(),
            reason: Some("why".into()),
        };
        assert_eq!(event_line(&event("CREATE_IN_PROGRESS")), "CREATE_IN_PROGRESS    Primary  AWS::Lambda::Function");
        assert_eq!(event_line(&event("CREATE_FAILED")), "CREATE_FAILED         Primary  AWS::Lambda::Function: why");
    }

    #[test]
    fn a_change_set_has_a_name_that_it_may_have() {
        let name = change_set_name(UNIX_EPOCH + Duration::from_millis(5));
        assert_eq!(name, "cargo-immortal-5");
    }
}
