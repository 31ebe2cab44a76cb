//! `CloudFormation`, as far as a stack is to be changed: change sets, and what happens while one is executed.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{Capability, ChangeSetType, Parameter, ResourceChange, TemplateStage};

use super::{call_error::CallError, connect::AwsConnection};

/// A stack as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StackDescription {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) outputs: Vec<(String, String)>,
}

/// A change set to make.
#[derive(Clone, Debug)]
pub(crate) struct ChangeSetRequest<'a> {
    pub(crate) stack: &'a str,
    /// Letters, digits and hyphens.
    pub(crate) name: &'a str,
    pub(crate) is_new_stack: bool,
    pub(crate) template: &'a str,
    /// `None` keeps what the stack has.
    pub(crate) parameters: Vec<(String, Option<String>)>,
}

/// A change set as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeSetDescription {
    /// `CREATE_PENDING`, `CREATE_IN_PROGRESS`, `CREATE_COMPLETE`, `FAILED`, …
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) changes: Vec<StackChange>,
}

/// What becomes of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StackChange {
    /// `Add`, `Modify`, `Remove`, …
    pub(crate) action: String,
    pub(crate) logical_id: String,
    pub(crate) kind: String,
    /// Whether another resource takes its place, and what is in it is left behind: `True`, `False`, `Conditional`, or nothing.
    pub(crate) replacement: String,
    /// The names of the properties that change.
    pub(crate) properties: Vec<String>,
}

/// What happened to a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StackEvent {
    pub(crate) id: String,
    pub(crate) logical_id: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
}

fn named(stack: &str) -> String {
    format!("the stack {stack}")
}

impl AwsConnection {
    /// A stack, by its name or ID; `None` where there is none.
    pub(crate) async fn stack(&self, stack: &str) -> Result<Option<StackDescription>, CallError> {
        let output = self.cloudformation().describe_stacks().stack_name(stack).send().await;
        let output = match output.map_err(|error| CallError::new("cloudformation:DescribeStacks", &named(stack), error))
        {
            Ok(output) => output,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let description = |stack: aws_sdk_cloudformation::types::Stack| StackDescription {
            id: stack.stack_id.unwrap_or_default(),
            status: stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            parameters: stack
                .parameters
                .unwrap_or_default()
                .into_iter()
                .filter_map(|parameter| Some((parameter.parameter_key?, parameter.parameter_value?)))
                .collect(),
            outputs: stack
                .outputs
                .unwrap_or_default()
                .into_iter()
                .filter_map(|output| Some((output.output_key?, output.output_value?)))
                .collect(),
        };
        Ok(output.stacks.unwrap_or_default().into_iter().next().map(description))
    }

    /// The template of a stack, as it was deployed.
    pub(crate) async fn stack_template(&self, stack: &str) -> Result<String, CallError> {
        let call = self.cloudformation().get_template().stack_name(stack).template_stage(TemplateStage::Original);
        let output = call.send().await;
        let output = output.map_err(|error| CallError::new("cloudformation:GetTemplate", &named(stack), error))?;
        Ok(output.template_body.unwrap_or_default())
    }

    /// Asks for a change set; returns its ID.
    pub(crate) async fn create_change_set(&self, request: ChangeSetRequest<'_>) -> Result<String, CallError> {
        let ChangeSetRequest { stack, name, is_new_stack, template, parameters } = request;
        let kind = if is_new_stack { ChangeSetType::Create } else { ChangeSetType::Update };
        let parameter = |(name, value): (String, Option<String>)| {
            let parameter = Parameter::builder().parameter_key(name);
            match value {
                Some(value) => parameter.parameter_value(value).build(),
                None => parameter.use_previous_value(true).build(),
            }
        };
        let call = self.cloudformation().create_change_set().stack_name(stack).change_set_name(name);
        let call = call.change_set_type(kind).capabilities(Capability::CapabilityIam).template_body(template);
        let call = call.set_parameters(Some(parameters.into_iter().map(parameter).collect()));
        let output = call.send().await;
        let output = output.map_err(|error| CallError::new("cloudformation:CreateChangeSet", &named(stack), error))?;
        Ok(output.id.unwrap_or_else(|| name.to_owned()))
    }

    /// How a change set stands, and what it would change.
    pub(crate) async fn change_set(&self, stack: &str, id: &str) -> Result<ChangeSetDescription, CallError> {
        let mut description = ChangeSetDescription::default();
        let mut next = None;
        loop {
            let call = self.cloudformation().describe_change_set().stack_name(stack).change_set_name(id);
            let output = call.set_next_token(next).send().await;
            let output =
                output.map_err(|error| CallError::new("cloudformation:DescribeChangeSet", &named(stack), error))?;
            description.status = output.status.map(|status| status.as_str().to_owned()).unwrap_or_default();
            description.reason = output.status_reason.unwrap_or_default();
            let changes = output.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change);
            description.changes.extend(changes.map(stack_change));
            next = output.next_token;
            if next.is_none() {
                return Ok(description);
            }
        }
    }

    /// Forgets a change set.
    pub(crate) async fn delete_change_set(&self, stack: &str, id: &str) -> Result<(), CallError> {
        let call = self.cloudformation().delete_change_set().stack_name(stack).change_set_name(id);
        let output = call.send().await;
        output.map_err(|error| CallError::new("cloudformation:DeleteChangeSet", &named(stack), error))?;
        Ok(())
    }

    /// Begins to change the stack.
    pub(crate) async fn execute_change_set(&self, stack: &str, id: &str) -> Result<(), CallError> {
        let call = self.cloudformation().execute_change_set().stack_name(stack).change_set_name(id);
        let output = call.send().await;
        output.map_err(|error| CallError::new("cloudformation:ExecuteChangeSet", &named(stack), error))?;
        Ok(())
    }

    /// What happened in a stack after an event, the oldest first; all that is known where none is named.
    pub(crate) async fn stack_events(&self, stack: &str, after: Option<&str>) -> Result<Vec<StackEvent>, CallError> {
        let mut pages = self.cloudformation().describe_stack_events().stack_name(stack).into_paginator().send();
        let mut events = Vec::new();
        // CloudFormation tells the newest first.
        'pages: while let Some(page) = pages.next().await {
            let failed = |error| CallError::new("cloudformation:DescribeStackEvents", &named(stack), error);
            for event in page.map_err(failed)?.stack_events.unwrap_or_default() {
                if event.event_id.as_deref() == after && after.is_some() {
                    break 'pages;
                }
                events.push(StackEvent {
                    id: event.event_id.unwrap_or_default(),
                    logical_id: event.logical_resource_id.unwrap_or_default(),
                    kind: event.resource_type.unwrap_or_default(),
                    status: event.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
                    reason: event.resource_status_reason,
                });
            }
        }
        events.reverse();
        Ok(events)
    }
}

fn stack_change(change: ResourceChange) -> StackChange {
    let details = change.details.unwrap_or_default().into_iter();
    let mut properties: Vec<_> = details.filter_map(|detail| detail.target?.name).collect();
    properties.sort();
    properties.dedup();
    StackChange {
        action: change.action.map(|action| action.as_str().to_owned()).unwrap_or_default(),
        logical_id: change.logical_resource_id.unwrap_or_default(),
        kind: change.resource_type.unwrap_or_default(),
        replacement: change.replacement.map(|replacement| replacement.as_str().to_owned()).unwrap_or_default(),
        properties,
    }
}
