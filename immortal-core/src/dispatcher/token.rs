//! The names by which AWS knows one failure again: the client token, `startedBy`, the object's key.

use sha2::{Digest, Sha256};

use crate::function::FunctionArn;

/// What one task is started for: the same origin is the same token, and the same token is the same task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A failed invocation, to be run as this attempt.
    Invocation {
        /// The function; its qualifier doesn't count.
        function: FunctionArn,
        /// The request id of the invocation that failed.
        request_id: String,
        /// The attempt to start.
        attempt: u32,
    },
    /// A task that stopped, by its ARN.
    Task(String),
}

impl Origin {
    /// The client token, with the message's id where that message is a redrive.
    ///
    /// A call that moved to `FARGATE`, since Spot had no room, is another request and has another token.
    ///
    /// `RunTask` takes up to 64 characters of ASCII 33 to 126 (`botocore:ecs:RunTaskRequest.clientToken`): a SHA-256 in
    /// hex fills them.
    #[must_use]
    pub fn token(&self, redrive: Option<&str>, off_spot: bool) -> String {
        let mut lines = match self {
            Self::Invocation { function, request_id, attempt } => {
                vec![function.unqualified().to_string(), request_id.clone(), attempt.to_string()]
            }
            Self::Task(arn) => vec![arn.clone()],
        };
        lines.extend(redrive.map(str::to_owned));
        lines.extend(off_spot.then(|| "FARGATE".to_owned()));
        hex_sha256(&lines.join("\n"))
    }
}

/// The request id in a form that `startedBy` and a key take: itself, or its hash where it holds anything unusual.
#[must_use]
pub fn started_by(request_id: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=128).contains(&request_id.len()) && request_id.bytes().all(fits) {
        request_id.to_owned()
    } else {
        hex_sha256(request_id)
    }
}

/// The key of the object that holds an event. Another event is another object: none replaces that of a task which still
/// has attempts to come.
#[must_use]
pub fn object_key(function: &str, request_id: &str, event: &str) -> String {
    format!("immortal/{function}/{}/{}", started_by(request_id), hex_sha256(event))
}

fn hex_sha256(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing into a string can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(function: &str, request_id: &str, attempt: u32) -> Origin {
        Origin::Invocation { function: function.parse().expect("an ARN"), request_id: request_id.to_owned(), attempt }
    }

    const INGEST: &str = "arn:aws:lambda:eu-central-1:111111111111:function:ingest";

    #[test]
    fn the_token_is_the_documented_hash() {
        // printf 'arn:…:ingest\nr-1\n1' | sha256sum
        let expected = hex_sha256(&format!("{INGEST}\nr-1\n1"));
        assert_eq!(expected.len(), 64);
        assert_eq!(invocation(INGEST, "r-1", 1).token(None, false), expected);
        assert_eq!(
            invocation(&format!("{INGEST}:live"), "r-1", 1).token(None, false),
            expected,
            "whatever the qualifier"
        );
        assert_eq!(hex_sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_differs_has_another_token() {
        let task = Origin::Task("arn:aws:ecs:eu-central-1:111111111111:task/default/1".into());
        let tokens = [
            invocation(INGEST, "r-1", 1).token(None, false),
            invocation(INGEST, "r-1", 2).token(None, false),
            invocation(INGEST, "r-2", 1).token(None, false),
            invocation(INGEST, "r-1", 1).token(Some("m-1"), false),
            invocation(INGEST, "r-1", 1).token(Some("m-2"), false),
            invocation(INGEST, "r-1", 1).token(None, true),
            task.token(None, false),
            task.token(Some("m-1"), false),
            task.token(None, true),
        ];
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), tokens.len());
        let arn = "arn:aws:ecs:eu-central-1:111111111111:task/default/1";
        assert_eq!(task.token(None, false), hex_sha256(arn));
        assert_eq!(task.token(None, true), hex_sha256(&format!("{arn}\nFARGATE")), "the last line");
    }

    #[test]
    fn an_unusual_request_id_is_hashed() {
        let uuid = "e4b46cbf-b738-xmpl-8880-a18cdf61200e";
        assert_eq!(started_by(uuid), uuid);
        assert_eq!(started_by(&"a".repeat(128)), "a".repeat(128));
        for unusual in ["", "a/b", "a_b", "ä", "../x", &"a".repeat(129)] {
            assert_eq!(started_by(unusual), hex_sha256(unusual), "{unusual:?}");
        }
    }

    #[test]
    fn another_event_is_another_object() {
        // printf abc | sha256sum
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(object_key("ingest", "r-1", "abc"), format!("immortal/ingest/r-1/{hash}"));
        assert_eq!(object_key("ingest", "../x", "abc"), format!("immortal/ingest/{}/{hash}", hex_sha256("../x")));
        let keys = ["{}", "{} ", "[]"].map(|event| object_key("ingest", "r-1", event));
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
    }
}
