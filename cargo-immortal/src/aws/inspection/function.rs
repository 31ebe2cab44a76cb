//! Lambda: functions, their asynchronous configuration, and the mappings that invoke them.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType, PackageType};

use crate::aws::{AwsConnection, CallError};

/// A function's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct FunctionDetails {
    pub(crate) name: String,
    /// Without a qualifier.
    pub(crate) arn: String,
    /// The ARN of its execution role.
    pub(crate) role: String,
    /// `provided.al2023`, …; images have none.
    pub(crate) runtime: Option<String>,
    pub(crate) is_image: bool,
    pub(crate) is_durable: bool,
    pub(crate) has_file_system: bool,
    pub(crate) has_layers: bool,
    /// `x86_64` or `arm64`.
    pub(crate) architecture: String,
    /// In seconds.
    pub(crate) timeout: u32,
    pub(crate) variables: BTreeMap<String, String>,
    /// The ARN of the key that its variables are encrypted with, where it is a customer's.
    pub(crate) key: Option<String>,
    /// The subnets of its own, where it has any.
    pub(crate) subnets: Vec<String>,
    /// The ARN of its `DeadLetterConfig`.
    pub(crate) dead_letter_target: Option<String>,
    pub(crate) log_group: String,
    /// Why the last update of its code or configuration failed.
    pub(crate) failed_update: Option<String>,
}

/// What Lambda does with an asynchronous invocation that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InvokeSettings {
    /// `None`: Lambda's default, two.
    pub(crate) retries: Option<u32>,
    /// The ARN of its destination.
    pub(crate) on_failure: Option<String>,
}

/// An event source mapping from a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MappingSettings {
    pub(crate) uuid: String,
    pub(crate) queue_arn: String,
    pub(crate) function_arn: String,
    pub(crate) state: String,
    pub(crate) batch_size: u32,
    pub(crate) reports_failures: bool,
    /// `None`: as many as the account allows.
    pub(crate) max_concurrency: Option<u32>,
}

impl AwsConnection {
    /// A function's settings, by its name or ARN.
    pub(crate) async fn function_details(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<FunctionDetails, CallError> {
        let call = self.lambda().get_function_configuration().function_name(function);
        let output = call.set_qualifier(qualifier.map(str::to_owned)).send().await;
        let failed =
            |error| CallError::new("lambda:GetFunctionConfiguration", &format!("the function {function}"), error);
        let output = output.map_err(failed)?;
        let name = output.function_name.unwrap_or_default();
        let architecture = output.architectures.unwrap_or_default().into_iter().next();
        let log_group = output.logging_config.and_then(|logging| logging.log_group);
        let update_failed = output.last_update_status.is_some_and(|status| status.as_str() == "Failed");
        let arn = output.function_arn.unwrap_or_default();
        Ok(FunctionDetails {
            arn: arn.split(':').take(7).collect::<Vec<_>>().join(":"),
            role: output.role.unwrap_or_default(),
            runtime: output.runtime.map(|runtime| runtime.as_str().to_owned()),
            is_image: output.package_type == Some(PackageType::Image),
            is_durable: output.durable_config.is_some(),
            has_layers: !output.layers.unwrap_or_default().is_empty(),
            has_file_system: !output.file_system_configs.unwrap_or_default().is_empty(),
            architecture: architecture.map_or_else(|| "x86_64".to_owned(), |one| one.as_str().to_owned()),
            timeout: output.timeout.and_then(|timeout| timeout.try_into().ok()).unwrap_or_default(),
            variables: output.environment.and_then(|it| it.variables).unwrap_or_default().into_iter().collect(),
            key: output.kms_key_arn,
            subnets: output.vpc_config.and_then(|config| config.subnet_ids).unwrap_or_default(),
            dead_letter_target: output.dead_letter_config.and_then(|config| config.target_arn),
            log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{name}")),
            failed_update: update_failed.then(|| output.last_update_status_reason.unwrap_or_default()),
            name,
        })
    }

    /// The asynchronous configuration of a function's qualifier; `None` where it has none.
    pub(crate) async fn invoke_settings(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<Option<InvokeSettings>, CallError> {
        let call = self.lambda().get_function_event_invoke_config().function_name(function);
        let output = call.set_qualifier(qualifier.map(str::to_owned)).send().await;
        let failed =
            |error| CallError::new("lambda:GetFunctionEventInvokeConfig", &format!("the function {function}"), error);
        match output.map_err(failed) {
            Ok(output) => Ok(Some(InvokeSettings {
                retries: output.maximum_retry_attempts.and_then(|retries| retries.try_into().ok()),
                on_failure: output
                    .destination_config
                    .and_then(|config| config.on_failure)
                    .and_then(|on_failure| on_failure.destination),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The mappings from queues: those to a function, or from a queue.
    pub(crate) async fn queue_mappings(
        &self,
        function: Option<&str>,
        queue_arn: Option<&str>,
    ) -> Result<Vec<MappingSettings>, CallError> {
        let resource = function.or(queue_arn).unwrap_or("*");
        let call = self.lambda().list_event_source_mappings();
        let call = call.set_function_name(function.map(str::to_owned));
        let call = call.set_event_source_arn(queue_arn.map(str::to_owned));
        let mut pages = call.into_paginator().items().send();
        let mut mappings = Vec::new();
        while let Some(mapping) = pages.next().await {
            let failed = |error| CallError::new("lambda:ListEventSourceMappings", resource, error);
            mappings.extend(mapping_settings(mapping.map_err(failed)?));
        }
        Ok(mappings)
    }
}

fn mapping_settings(mapping: EventSourceMappingConfiguration) -> Option<MappingSettings> {
    let queue_arn = mapping.event_source_arn.filter(|arn| arn.split(':').nth(2) == Some("sqs"))?;
    let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let answers = mapping.function_response_types.unwrap_or_default();
    Some(MappingSettings {
        uuid: mapping.uuid.unwrap_or_default(),
        queue_arn,
        function_arn: mapping.function_arn.unwrap_or_default(),
        state: mapping.state.unwrap_or_default(),
        batch_size: number(mapping.batch_size).unwrap_or_default(),
        reports_failures: answers.contains(&FunctionResponseType::ReportBatchItemFailures),
        max_concurrency: number(mapping.scaling_config.and_then(|scaling| scaling.maximum_concurrency)),
    })
}
