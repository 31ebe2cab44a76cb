//! The context of a failed invocation, in Lambda's public names: what crosses from dispatcher to runner.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Value, value::RawValue};

/// The context of an invocation, as JSON in the order and in a hand-over.
///
/// What isn't known is an empty string, or absent where the field is an [`Option`]. Only the first four fields say what is
/// to run; of the others an odd value counts as unknown.
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
    /// The ARN, as it was invoked.
    #[serde(deserialize_with = "text")]
    pub invoked_function_arn: String,
    /// The memory of the primary in MB, as text, as Lambda's own context has it.
    #[serde(rename = "memoryLimitInMB", deserialize_with = "known_text")]
    pub memory_limit_in_mb: String,
    /// The log group of the invocation.
    #[serde(deserialize_with = "known_text")]
    pub log_group_name: String,
    /// The log stream of the invocation.
    #[serde(deserialize_with = "known_text")]
    pub log_stream_name: String,
    /// The X-Ray trace id.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "one_line")]
    pub xray_trace_id: Option<String>,
    /// The tenant id.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "one_line")]
    pub tenant_id: Option<String>,
    /// The client context, as it came.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub client_context: Option<Box<RawValue>>,
    /// The Cognito identity, as it came.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub identity: Option<Box<RawValue>>,
}

/// Text, or what others write where Lambda has text: a number (the memory), or null.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        _ => Err(D::Error::custom("it is neither text nor a number")),
    }
}

/// As [`text`], but what is neither, or has control characters, counts as unknown.
fn known_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.to_string(),
        value => printable(value).unwrap_or_default(),
    })
}

fn one_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(printable(Value::deserialize(deserializer)?).filter(|text| !text.is_empty()))
}

fn printable(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.contains(char::is_control) => Some(text),
        _ => None,
    }
}

/// A JSON object, byte for byte; anything else counts as unknown.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    Ok(Some(json).filter(|json| json.get().starts_with('{')))
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
    fn an_odd_value_of_an_optional_part_is_left_out() {
        for odd in ["5.5", "true", "[]", "null", r#""a\nb""#, r#""\u0000""#, r#""""#] {
            let fields = ["xrayTraceId", "tenantId", "clientContext", "identity"];
            let odd_fields: Vec<_> = fields.iter().map(|field| format!("\"{field}\": {odd}")).collect();
            let json = format!("{{\"awsRequestId\":\"r-1\",{}}}", odd_fields.join(","));
            let context: Context = serde_json::from_str(&json).expect("nothing that is needed is odd");
            let written = serde_json::to_value(&context).expect("plain data");
            assert_eq!(context.aws_request_id, "r-1");
            assert!(fields.iter().all(|field| written.get(field).is_none()), "{odd}: {written}");
        }
        for odd in ["true", "[]", "{}", "null", r#""a\nb""#, r#""\u0000""#] {
            let json = format!(r#"{{"memoryLimitInMB":{odd},"logGroupName":{odd},"logStreamName":{odd}}}"#);
            let context: Context = serde_json::from_str(&json).expect("nothing that is needed is odd");
            let texts = [context.memory_limit_in_mb, context.log_group_name, context.log_stream_name];
            assert!(texts.iter().all(String::is_empty), "{odd}: {texts:?}");
        }
        for field in ["awsRequestId", "functionName", "functionVersion", "invokedFunctionArn"] {
            let json = format!(r#"{{"{field}":{{}}}}"#);
            assert!(serde_json::from_str::<Context>(&json).is_err(), "{field} says what is to run");
        }
    }
}
