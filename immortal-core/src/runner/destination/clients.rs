//! The adapter of the AWS SDK for each kind of destination.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_lambda::types::InvocationType;
use bytes::Bytes;

use super::{
    super::{
        error::RunnerError,
        retry::{CallError, call_error, with_retries},
    },
    target::{DestinationArn, DestinationKind},
};
use crate::{
    aws::{
        AwsClients, AwsError, QueueAddresses,
        s3::{ObjectStore, PutCondition},
    },
    context::Context,
    function::FunctionName,
    invocation_record::qualified_arn,
};

/// The SDK clients that deliver results.
#[derive(Debug)]
pub(super) struct DestinationClients {
    lambda: aws_sdk_lambda::Client,
    sqs: aws_sdk_sqs::Client,
    queues: QueueAddresses,
    sns: aws_sdk_sns::Client,
    events: aws_sdk_eventbridge::Client,
    objects: ObjectStore,
    region: String,
}

/// Source and detail type of the event for an `EventBridge` destination.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>. A source that begins
/// with `aws.` is AWS's alone, and Lambda's isn't one of them.
const EVENT_SOURCE: &str = "lambda";
const DETAIL_TYPE: &str = "Lambda Function Invocation Result - Success";

impl DestinationClients {
    pub(super) async fn new(aws: &AwsClients) -> Self {
        let config = &aws.config;
        Self {
            lambda: aws_sdk_lambda::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            queues: QueueAddresses::from_config(config).await,
            sns: aws_sdk_sns::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
            objects: ObjectStore::new(aws),
            region: config.region().map(|region| region.as_ref().to_owned()).unwrap_or_default(),
        }
    }

    /// The destination that the asynchronous configuration of a function names for a success: of the version or alias
    /// that it is named with, else of the function itself.
    pub(super) async fn on_success_destination(&self, arn: &str) -> Result<Option<DestinationArn>, RunnerError> {
        let what = format!("GetFunctionEventInvokeConfig of {arn}");
        let (function, qualifier) = function_of(arn);
        let answer = with_retries(&what, || async {
            let call = self.lambda.get_function_event_invoke_config();
            let call = call.function_name(&function).set_qualifier(qualifier.clone());
            match call.send().await.map_err(AwsError::from) {
                Ok(answer) => Ok(Some(answer)),
                // The function has no asynchronous configuration.
                Err(AwsError::Refused(refusal)) if refusal.code == "ResourceNotFoundException" => Ok(None),
                Err(error) => Err(refused(
                    error,
                    &what,
                    "lambda:GetFunctionEventInvokeConfig on the function, or set IMMORTAL_ON_SUCCESS",
                )),
            }
        });
        let named = answer.await?.and_then(|answer| answer.destination_config?.on_success?.destination);
        let destination = named.filter(|arn| !arn.is_empty()).map(|arn| arn.parse()).transpose();
        destination.map_err(|unknown| RunnerError::Permanent(format!("the OnSuccess destination {unknown}")))
    }

    /// Sends the record of the invocation with this context.
    pub(super) async fn send(
        &self,
        destination: &DestinationArn,
        context: &Context,
        record: String,
    ) -> Result<(), RunnerError> {
        if destination.region() != self.region {
            return Err(RunnerError::Permanent(format!(
                "it is in another region than the task, which is in {}, and Lambda sends results within a region only",
                self.region
            )));
        }
        let (kind, operation, permission) = match destination.kind() {
            DestinationKind::Queue => ("SQS", "SendMessage", "sqs:SendMessage on the queue"),
            DestinationKind::Topic => ("SNS", "Publish", "sns:Publish on the topic"),
            DestinationKind::Bus => ("EventBridge", "PutEvents", "events:PutEvents on the bus"),
            DestinationKind::Function => ("Lambda", "Invoke", "lambda:InvokeFunction on the function"),
        };
        let what = format!("{operation} of {kind} with the result of request {}", context.aws_request_id);
        with_retries(&what, || async {
            match self.send_once(destination, context, &record).await {
                Ok(()) => Ok(()),
                Err(SendError::Aws(error)) => Err(refused(error, &what, permission)),
                Err(SendError::Entry(why)) => Err(CallError::Transient(why)),
            }
        })
        .await
    }

    async fn send_once(&self, destination: &DestinationArn, context: &Context, record: &str) -> Result<(), SendError> {
        let arn = destination.as_str();
        match destination.kind() {
            DestinationKind::Queue => {
                let url = self.queues.url(destination.account(), destination.name())?;
                let sent = self.sqs.send_message().queue_url(url).message_body(record).send().await;
                sent.map(drop).map_err(AwsError::from)?;
            }
            DestinationKind::Topic => {
                let sent = self.sns.publish().topic_arn(arn).message(record).send().await;
                sent.map(drop).map_err(AwsError::from)?;
            }
            DestinationKind::Function => {
                let call = self.lambda.invoke().function_name(arn).invocation_type(InvocationType::Event);
                let sent = call.payload(record.as_bytes().to_vec().into()).send().await;
                sent.map(drop).map_err(AwsError::from)?;
            }
            DestinationKind::Bus => {
                let entry = PutEventsRequestEntry::builder()
                    .event_bus_name(arn)
                    .source(EVENT_SOURCE)
                    .detail_type(DETAIL_TYPE)
                    .resources(arn)
                    .resources(qualified_arn(context))
                    .detail(record);
                let put = self.events.put_events().entries(entry.build()).send().await.map_err(AwsError::from)?;
                // A response with status 200 whose entry failed.
                let failed = put.entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_code);
                if let Some(code) = failed {
                    return Err(SendError::Entry(format!("PutEvents took the entry with {code}")));
                }
            }
        }
        Ok(())
    }

    /// Puts a record into the bucket, and returns its address.
    pub(super) async fn put(&self, bucket: &str, key: &str, record: &str) -> Result<String, RunnerError> {
        let uri = format!("s3://{bucket}/{key}");
        let what = format!("PutObject of {uri}");
        let json = Bytes::copy_from_slice(record.as_bytes());
        with_retries(&what, || async {
            let put = self.objects.put_json(bucket, key, json.clone(), &PutCondition::None).await;
            put.map(drop).map_err(|error| refused(error, &what, "s3:PutObject on immortal/* in the bucket"))
        })
        .await?;
        Ok(uri)
    }
}

/// Why a record was not accepted.
enum SendError {
    Aws(AwsError),
    /// A failed entry in a response with status 200.
    Entry(String),
}

impl From<AwsError> for SendError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

fn refused(error: AwsError, what: &str, permission: &str) -> CallError {
    call_error(error, what, |refusal| {
        let advice = match refusal.code.as_str() {
            denied if DENIALS.contains(&denied) => format!("; allow the task role {permission}"),
            _ => String::new(),
        };
        RunnerError::Permanent(format!("{what} was refused: {refusal}{advice}"))
    })
}

/// The error codes of a missing permission in these services.
const DENIALS: [&str; 4] =
    ["AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"];

/// A function without its qualifier, and the qualifier by which its configuration is asked for: `$LATEST` is the
/// function itself.
fn function_of(arn: &str) -> (String, Option<String>) {
    let Ok(name) = arn.parse::<FunctionName>() else { return (arn.to_owned(), None) };
    let function = name.to_arn().map_or(name.name, |arn| arn.unqualified().to_string());
    (function, name.qualifier.filter(|qualifier| qualifier != "$LATEST"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_that_of_what_was_invoked() {
        let arn = "arn:aws:lambda:eu-central-1:111111111111:function:ingest";
        for (qualifier, expected) in [("", None), (":$LATEST", None), (":live", Some("live")), (":7", Some("7"))] {
            let (function, asked) = function_of(&format!("{arn}{qualifier}"));
            assert_eq!((function.as_str(), asked.as_deref()), (arn, expected), "{qualifier}");
        }
    }
}
