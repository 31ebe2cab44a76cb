//! Why a call has no result.

use std::{error::Error, fmt};

use hyper::HeaderMap;
use serde_json::{Map, Value};

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The service refused it.
    Refused(Refused),
    /// No sound answer came: a time-out, a reset, half an answer. The call may have taken effect.
    Unanswered(String),
    /// It never left: no credentials, no region.
    Unsent(String),
}

/// A service's refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The error's code.
    pub code: String,
    /// The error's message.
    pub message: String,
    /// The tasks that a `ConflictException` names.
    pub resource_ids: Vec<String>,
}

/// The service's own words.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, message, .. } = self;
        match code.as_str() {
            "" => write!(f, "status {status}")?,
            code => f.write_str(code)?,
        }
        if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
    }
}

impl Refused {
    /// Reads an answer that isn't a success, in JSON or, as S3 has it, in XML; of others only the status is known.
    ///
    /// Source: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>, and the
    /// same of `restJson1` and `restXml`.
    pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let json: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let xml = String::from_utf8_lossy(body);
        let member = |names: &[&str]| names.iter().find_map(|name| json.get(*name)?.as_str()).map(str::to_owned);
        let named = headers.get("x-amzn-errortype").and_then(|name| name.to_str().ok()).map(str::to_owned);
        let code = named.or_else(|| member(&["code", "__type"])).map(|code| bare(&code));
        let message = member(&["message", "Message", "errorMessage"]).or_else(|| element(&xml, "Message"));
        let ids = json.get("resourceIds").and_then(Value::as_array).into_iter().flatten();
        Self {
            status,
            code: code.or_else(|| element(&xml, "Code")).unwrap_or_default(),
            // Behind the first line of some is the signed request, and in it the session's token.
            message: message.unwrap_or_default().lines().next().unwrap_or_default().to_owned(),
            resource_ids: ids.filter_map(|id| id.as_str().map(str::to_owned)).collect(),
        }
    }
}

/// The code without the name space before it, and the address that may follow it.
fn bare(code: &str) -> String {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit_once('#').map_or(code, |(_, code)| code).to_owned()
}

/// The text of an XML element that holds text only.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    Some(entities.into_iter().fold(text.to_owned(), |text, (entity, char)| text.replace(entity, char)))
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_in_each_protocol() {
        let json = r#"{"__type":"ConflictException","message":"in use","resourceIds":["t"]}"#;
        let spaced = r#"{"__type":"com.amazonaws.ecs#ClusterNotFoundException","Message":"Cluster not found."}"#;
        let rest = r#"{"Type":"User","Message":"Function not found"}"#;
        let xml = "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>a &lt;key&gt; &amp;amp; b</Message></Error>";
        let both =
            r#"{"code":403,"__type":"ConflictException","Message":"x","message":"in use","resourceIds":["t",1]}"#;
        let signed =
            r#"{"__type":"InvalidSignatureException","message":"No match.\n\nThe Canonical String was\nsecret"}"#;
        let table = [
            ("", json, "ConflictException", "in use", 1),
            ("", both, "ConflictException", "in use", 1),
            ("", spaced, "ClusterNotFoundException", "Cluster not found.", 0),
            ("ResourceNotFoundException:http://host/#a", rest, "ResourceNotFoundException", "Function not found", 0),
            ("", r#"{"code":"Throttled","__type":"Other","errorMessage":"slow"}"#, "Throttled", "slow", 0),
            ("", signed, "InvalidSignatureException", "No match.", 0),
            ("", xml, "NoSuchKey", "a <key> &amp; b", 0),
            ("", "<html>Bad Gateway</html>", "", "", 0),
            ("", "[1]", "", "", 0),
            ("", "", "", "", 0),
        ];
        for (header, body, code, message, ids) in table {
            let mut headers = HeaderMap::new();
            if !header.is_empty() {
                headers.insert("x-amzn-errortype", header.parse().expect("a value"));
            }
            let refused = Refused::read(400, &headers, body.as_bytes());
            assert_eq!((refused.code.as_str(), refused.message.as_str()), (code, message), "{body}");
            assert_eq!((refused.status, refused.resource_ids.len()), (400, ids), "{body}");
        }
    }
}
