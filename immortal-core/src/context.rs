//! The context of a failed invocation with Lambda's public names, as the dispatcher passes it to the runner.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Value, value::RawValue};

/// The context of an invocation, as JSON in the order and in a hand-over.
///
/// An unknown value is an empty string, or absent if the field is an [`Option`]. An invalid value counts as unknown,
/// except in request id, name, version and ARN, which the invocation needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    /// The request id of the invocation that failed.
    #[serde(deserialize_with = "text")]
    pub aws_request_id: String,
    /// The primary's name.
    #[serde(deserialize_with = "text")]
    pub function_name: String,
    /// The version that failed.
    #[serde(deserialize_with = "text")]
    pub function_version: String,
    /// The ARN that was invoked.
    #[serde(deserialize_with = "text")]
    pub invoked_function_arn: String,
    /// The memory of the primary in MB, as text like in Lambda's own context.
    #[serde(rename = "memoryLimitInMB", deserialize_with = "optional_text")]
    pub memory_limit_in_mb: String,
    /// The log group of the invocation.
    #[serde(deserialize_with = "optional_text")]
    pub log_group_name: String,
    /// The log stream of the invocation.
    #[serde(deserialize_with = "optional_text")]
    pub log_stream_name: String,
    /// The X-Ray trace id.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "header_text")]
    pub xray_trace_id: Option<String>,
    /// The tenant id.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "header_text")]
    pub tenant_id: Option<String>,
    /// The client context, unchanged.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub client_context: Option<Box<RawValue>>,
    /// The Cognito identity, unchanged.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub identity: Option<Box<RawValue>>,
}

/// Whether a text can be used unchanged in a header's value and in a log line.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#section-5.5>.
pub(crate) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Text, or what others write where Lambda has text: a number (the memory), or null.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    text_in(&json).ok_or_else(|| D::Error::custom("it is neither text nor a number"))
}

/// The same, and empty for anything else.
fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = text_in(&Box::<RawValue>::deserialize(deserializer)?);
    Ok(text.filter(|text| !text.contains(char::is_control)).unwrap_or_default())
}

fn text_in(json: &RawValue) -> Option<String> {
    match serde_json::from_str(json.get()).ok()? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Null => Some(String::new()),
        _ => None,
    }
}

/// Text that a header can hold, since that is how it reaches the handler.
fn header_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = serde_json::from_str(Box::<RawValue>::deserialize(deserializer)?.get()).ok();
    Ok(text.filter(|text| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))))
}

/// An object, unchanged.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    Ok(json.get().starts_with('{').then_some(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_lambdas_public_names() {
        let context = Context {
            aws_request_id: "r-1".into(),
            function_name: "ingest".into(),
            memory_limit_in_mb: "512".into(),
            tenant_id: Some("acme".into()),
            ..Context::default()
        };
        assert_eq!(
            serde_json::to_string(&context).expect("plain data"),
            r#"{"awsRequestId":"r-1","functionName":"ingest","functionVersion":"","invokedFunctionArn":"","memoryLimitInMB":"512","logGroupName":"","logStreamName":"","tenantId":"acme"}"#
        );
    }

    #[test]
    fn reads_what_other_dispatchers_write() {
        let context: Context = serde_json::from_str(
            r#"{"awsRequestId":"r-1","memoryLimitInMB":512,"logStreamName":null,"identity":{"a":1.0},"more":[]}"#,
        )
        .expect("a lenient reader");
        assert_eq!((context.memory_limit_in_mb.as_str(), context.log_stream_name.as_str()), ("512", ""));
        assert_eq!(context.identity.expect("as it came").get(), r#"{"a":1.0}"#);
    }

    #[test]
    fn an_odd_value_of_what_nothing_needs_is_left_out() {
        let context: Context = serde_json::from_str(
            r#"{"awsRequestId":"r-1","functionName":"ingest","functionVersion":7,"memoryLimitInMB":[512],
                "logGroupName":{},"logStreamName":"a\u0000b","xrayTraceId":5,"tenantId":"a\nb","clientContext":"c","identity":1e400}"#,
        )
        .expect("it runs without them");
        assert_eq!(
            serde_json::to_string(&context).expect("plain data"),
            r#"{"awsRequestId":"r-1","functionName":"ingest","functionVersion":"7","invokedFunctionArn":"","memoryLimitInMB":"","logGroupName":"","logStreamName":""}"#
        );
        for needed in [r#"{"awsRequestId":[]}"#, r#"{"functionName":{}}"#, r#"{"functionVersion":true}"#] {
            assert!(serde_json::from_str::<Context>(needed).is_err(), "{needed}");
        }
        let table = [(r#""acme""#, true), (r#""ä""#, false), (r#""\u007f""#, false), ("null", false), ("{}", false)];
        for (tenant, kept) in table {
            let context: Context = serde_json::from_str(&format!(r#"{{"tenantId":{tenant}}}"#)).expect(tenant);
            assert_eq!(context.tenant_id.is_some(), kept, "{tenant}");
        }
    }
}
