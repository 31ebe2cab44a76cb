//! Which events don't come by an asynchronous invocation: where those fail on AWS, no attempt follows.

use serde_json::Value;

/// What is said of an event that has the shape of a synchronous invocation's.
pub(crate) fn warning(event: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(event).ok()?;
    let (shape, fate) = synchronous(&event)?;
    Some(format!(
        "warning: the event has the shape of {shape}: on AWS it comes by a synchronous invocation, and when that fails {fate}; \
         here it is invoked asynchronously all the same"
    ))
}

/// What the event is, and what becomes of it after a failure.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html>, and the examples on each service's page.
fn synchronous(event: &Value) -> Option<(&'static str, &'static str)> {
    let request = &event["requestContext"];
    if [&request["http"], &request["httpMethod"], &event["httpMethod"]].iter().any(|sign| !sign.is_null()) {
        return Some((
            "an HTTP request, as API Gateway and function URLs send it",
            "the caller gets the error, and no queue the event",
        ));
    }
    let mapping = "the event is in no failure queue, since destinations and dead-letter queues of the function are for \
                   asynchronous invocations";
    match event["Records"][0]["eventSource"].as_str()? {
        "aws:sqs" => Some((
            "a batch of an SQS queue",
            "its messages go back to that queue, whose own redrive policy must take them to the failure queue: --sqs runs it that way",
        )),
        "aws:kinesis" => Some(("a batch of a Kinesis stream", mapping)),
        "aws:dynamodb" => Some(("a batch of a DynamoDB stream", mapping)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_synchronously_is_named() {
        let table = [
            (r#"{"version":"2.0","requestContext":{"http":{"method":"GET"}}}"#, Some("an HTTP request")),
            (r#"{"resource":"/","httpMethod":"GET","requestContext":{"httpMethod":"GET"}}"#, Some("an HTTP request")),
            (r#"{"requestContext":{"elb":{}},"httpMethod":"GET"}"#, Some("an HTTP request")),
            (r#"{"Records":[{"messageId":"m","eventSource":"aws:sqs","body":""}]}"#, Some("a batch of an SQS queue")),
            (r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{}}]}"#, Some("a batch of a Kinesis stream")),
            (r#"{"Records":[{"eventSource":"aws:dynamodb","dynamodb":{}}]}"#, Some("a batch of a DynamoDB stream")),
            (r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#, None),
            (r#"{"Records":[{"EventSource":"aws:sns","Sns":{}}]}"#, None),
            (r#"{"source":"aws.events","detail-type":"Scheduled Event"}"#, None),
            (r#"{"requestContext":{"requestId":"r","condition":"RetriesExhausted"}}"#, None),
            (r#"{"Records":[]}"#, None),
            ("[1]", None),
            ("null", None),
        ];
        for (event, expected) in table {
            let warning = warning(event.as_bytes());
            let shape =
                warning.as_ref().and_then(|warning| warning.strip_prefix("warning: the event has the shape of "));
            assert_eq!(
                shape.map(|shape| shape.starts_with(expected.unwrap_or("?"))),
                expected.map(|_| true),
                "{event}"
            );
        }
    }
}
