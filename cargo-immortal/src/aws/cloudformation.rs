//! `CloudFormation`, as far as a stack is to be read.

use aws_sdk_cloudformation::{Client, types::ResourceStatus};

use super::{call_error::CallError, connect::AwsConnection};

/// A resource of a stack that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StackResource {
    pub(crate) logical_id: String,
    /// `AWS::Lambda::Function`, …
    pub(crate) kind: String,
    pub(crate) physical_id: String,
}

impl AwsConnection {
    pub(super) fn cloudformation(&self) -> Client {
        Client::new(&self.config)
    }

    /// The resources of a stack, by its name or ARN.
    pub(crate) async fn stack_resources(&self, stack: &str) -> Result<Vec<StackResource>, CallError> {
        let resource = format!("the stack {stack}");
        let mut pages = self.cloudformation().list_stack_resources().stack_name(stack).into_paginator().items().send();
        let mut resources = Vec::new();
        while let Some(summary) = pages.next().await {
            let failed = |error| CallError::new("cloudformation:ListStackResources", &resource, error);
            let summary = summary.map_err(failed)?;
            let is_gone = summary.resource_status() == Some(&ResourceStatus::DeleteComplete);
            if let (false, Some(logical_id), Some(kind), Some(physical_id)) =
                (is_gone, summary.logical_resource_id, summary.resource_type, summary.physical_resource_id)
            {
                resources.push(StackResource { logical_id, kind, physical_id });
            }
        }
        Ok(resources)
    }
}
