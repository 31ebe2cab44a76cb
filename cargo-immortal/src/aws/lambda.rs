//! Lambda: functions, their asynchronous configuration, and the queues that trigger them.

use std::collections::BTreeMap;

use aws_sdk_lambda::{Client, types::EventSourceMappingConfiguration};

use super::{call_error::CallError, connect::AwsConnection};

/// What Lambda says of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionConfiguration {
    pub(crate) name: String,
    /// With the qualifier where one was asked for.
    pub(crate) arn: String,
    /// `x86_64` or `arm64`.
    pub(crate) architecture: Option<String>,
    pub(crate) log_group: String,
    pub(crate) environment: BTreeMap<String, String>,
    /// The ARN of its `DeadLetterConfig`.
    pub(crate) dead_letter_target: Option<String>,
}

/// An event source mapping from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueMapping {
    pub(crate) uuid: String,
    pub(crate) queue_arn: String,
    pub(crate) function_arn: String,
    /// `Enabled`, `Disabled`, `Enabling`, `Disabling`, `Updating`, `Creating`, `Deleting`.
    pub(crate) state: String,
}

/// Whether a mapping polls its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MappingState {
    Enabled,
    Disabled,
    /// On its way to another state, as a word of Lambda's says.
    Changing,
}

impl MappingState {
    pub(crate) fn is_on(self) -> bool {
        self == Self::Enabled
    }

    pub(crate) fn is_off(self) -> bool {
        self == Self::Disabled
    }
}

impl QueueMapping {
    /// Source: `State` in <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>.
    pub(crate) fn state(&self) -> MappingState {
        match self.state.as_str() {
            "Enabled" => MappingState::Enabled,
            "Disabled" => MappingState::Disabled,
            _ => MappingState::Changing,
        }
    }
}

impl AwsConnection {
    pub(super) fn lambda(&self) -> Client {
        Client::new(&self.config)
    }

    /// The configuration of a function, by name or ARN.
    pub(crate) async fn function_configuration(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<FunctionConfiguration, CallError> {
        let call = self.lambda().get_function_configuration().function_name(function);
        let output = call.set_qualifier(qualifier.map(str::to_owned)).send().await;
        let output = output.map_err(|error| {
            CallError::of("lambda:GetFunctionConfiguration", &format!("the function {function}"), error)
        })?;
        let name = output.function_name.unwrap_or_default();
        let log_group = output.logging_config.and_then(|logging| logging.log_group);
        Ok(FunctionConfiguration {
            arn: output.function_arn.unwrap_or_default(),
            architecture: output.architectures.unwrap_or_default().first().map(|one| one.as_str().to_owned()),
            log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{name}")),
            environment: output.environment.and_then(|it| it.variables).unwrap_or_default().into_iter().collect(),
            dead_letter_target: output.dead_letter_config.and_then(|config| config.target_arn),
            name,
        })
    }

    /// The ARN of the destination of failed asynchronous invocations, where one is configured for this qualifier.
    pub(crate) async fn on_failure_destination(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<Option<String>, CallError> {
        let call = self.lambda().get_function_event_invoke_config().function_name(function);
        let output = call.set_qualifier(qualifier.map(str::to_owned)).send().await;
        let failed =
            |error| CallError::of("lambda:GetFunctionEventInvokeConfig", &format!("the function {function}"), error);
        match output.map_err(failed) {
            Ok(output) => {
                let on_failure = output.destination_config.and_then(|config| config.on_failure);
                Ok(on_failure.and_then(|on_failure| on_failure.destination))
            }
            // A function without such a configuration has no destination.
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The mappings from queues to a function, and those from a queue.
    pub(crate) async fn queue_mappings(
        &self,
        function: Option<&str>,
        queue_arn: Option<&str>,
    ) -> Result<Vec<QueueMapping>, CallError> {
        let resource = function.or(queue_arn).unwrap_or("*");
        let call = self.lambda().list_event_source_mappings();
        let call = call.set_function_name(function.map(str::to_owned));
        let call = call.set_event_source_arn(queue_arn.map(str::to_owned));
        let mut pages = call.into_paginator().items().send();
        let mut mappings = Vec::new();
        while let Some(mapping) = pages.next().await {
            let failed = |error| CallError::of("lambda:ListEventSourceMappings", resource, error);
            mappings.extend(queue_mapping(mapping.map_err(failed)?));
        }
        Ok(mappings)
    }

    /// A mapping by its UUID.
    pub(crate) async fn queue_mapping(&self, uuid: &str) -> Result<QueueMapping, CallError> {
        let output = self.lambda().get_event_source_mapping().uuid(uuid).send().await;
        let output = output
            .map_err(|error| CallError::of("lambda:GetEventSourceMapping", &format!("the mapping {uuid}"), error))?;
        Ok(QueueMapping {
            uuid: uuid.to_owned(),
            queue_arn: output.event_source_arn.unwrap_or_default(),
            function_arn: output.function_arn.unwrap_or_default(),
            state: output.state.unwrap_or_default(),
        })
    }

    /// Lets a mapping poll its queue, or no longer. Lambda needs a while for it.
    pub(crate) async fn switch_mapping(&self, uuid: &str, enabled: bool) -> Result<(), CallError> {
        let output = self.lambda().update_event_source_mapping().uuid(uuid).enabled(enabled).send().await;
        output
            .map_err(|error| CallError::of("lambda:UpdateEventSourceMapping", &format!("the mapping {uuid}"), error))?;
        Ok(())
    }
}

fn queue_mapping(mapping: EventSourceMappingConfiguration) -> Option<QueueMapping> {
    let queue_arn = mapping.event_source_arn.filter(|arn| arn.split(':').nth(2) == Some("sqs"))?;
    Some(QueueMapping {
        uuid: mapping.uuid?,
        queue_arn,
        function_arn: mapping.function_arn.unwrap_or_default(),
        state: mapping.state.unwrap_or_default(),
    })
}
