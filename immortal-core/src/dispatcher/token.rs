//! The names by which AWS knows one failure again: the client token, `startedBy`, the object's key.

pub(crate) use crate::object_key::started_by;
use crate::{
    function::FunctionArn,
    object_key::{hex_sha256, job_prefix},
};

/// What one task is started for: the same origin is the same token, and the same token is the same task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenOrigin {
    /// A failed invocation, to be run as this attempt.
    Invocation {
        /// The function; its qualifier doesn't count.
        function: FunctionArn,
        /// The request id of the invocation that failed.
        request_id: String,
        /// The attempt to start.
        attempt: u32,
        /// The series of attempts: 0, or the number of redrives before it.
        series: u32,
    },
    /// A task that stopped, by its ARN.
    Task(String),
}

impl TokenOrigin {
    /// The task that stopped, where there was one.
    #[must_use]
    pub(crate) fn task(&self) -> Option<&str> {
        match self {
            Self::Invocation { .. } => None,
            Self::Task(arn) => Some(arn),
        }
    }

    /// The client token. A call that moved to `FARGATE`, since Spot had no room, is another request and has another token.
    ///
    /// `RunTask` takes up to 64 characters of ASCII 33 to 126 (`botocore:ecs:RunTaskRequest.clientToken`): a SHA-256 in
    /// hex fills them.
    #[must_use]
    pub(crate) fn token(&self, spot_is_full: bool) -> String {
        let mut lines = match self {
            Self::Invocation { function, request_id, attempt, series } => {
                let mut lines = vec![function.unqualified().to_string(), request_id.clone(), attempt.to_string()];
                lines.extend((*series > 0).then(|| series.to_string()));
                lines
            }
            Self::Task(arn) => vec![arn.clone()],
        };
        lines.extend(spot_is_full.then(|| "FARGATE".to_owned()));
        hex_sha256(&lines.join("\n"))
    }
}

/// The key of the object that holds an event. Another event is another object: none replaces that of a task which still
/// has attempts to come.
#[must_use]
pub(crate) fn object_key(function: &str, request_id: &str, event: &str) -> String {
    format!("{}{}", job_prefix(function, request_id), hex_sha256(event))
}

/// Whether an object is the event of this request, put there by a dispatcher of this function: nothing else ends in a
/// hash at this place.
#[must_use]
pub(crate) fn is_event_object(uri: &str, bucket: &str, function: &str, request_id: &str) -> bool {
    let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    uri.strip_prefix(&format!("s3://{bucket}/{}", job_prefix(function, request_id))).is_some_and(is_hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(function: &str, request_id: &str, attempt: u32, series: u32) -> TokenOrigin {
        let function = function.parse().expect("an ARN");
        TokenOrigin::Invocation { function, request_id: request_id.to_owned(), attempt, series }
    }

    const INGEST: &str = "arn:aws:lambda:eu-central-1:111111111111:function:ingest";

    #[test]
    fn the_token_is_the_documented_hash() {
        // printf 'arn:…:ingest\nr-1\n1' | sha256sum
        let expected = hex_sha256(&format!("{INGEST}\nr-1\n1"));
        assert_eq!(expected.len(), 64);
        assert_eq!(invocation(INGEST, "r-1", 1, 0).token(false), expected);
        assert_eq!(invocation(&format!("{INGEST}:live"), "r-1", 1, 0).token(false), expected, "whatever the qualifier");
        assert_eq!(invocation(INGEST, "r-1", 1, 2).token(false), hex_sha256(&format!("{INGEST}\nr-1\n1\n2")));
        assert_eq!(invocation(INGEST, "r-1", 1, 0).token(true), hex_sha256(&format!("{INGEST}\nr-1\n1\nFARGATE")));
        assert_eq!(hex_sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_differs_has_another_token() {
        let task = TokenOrigin::Task("arn:aws:ecs:eu-central-1:111111111111:task/default/1".into());
        let tokens = [
            invocation(INGEST, "r-1", 1, 0).token(false),
            invocation(INGEST, "r-1", 2, 0).token(false),
            invocation(INGEST, "r-2", 1, 0).token(false),
            invocation(INGEST, "r-1", 1, 1).token(false),
            invocation(INGEST, "r-1", 1, 1).token(true),
            task.token(false),
            task.token(true),
        ];
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), tokens.len());
        assert_eq!(task.token(false), hex_sha256("arn:aws:ecs:eu-central-1:111111111111:task/default/1"));
    }

    #[test]
    fn an_unusual_request_id_is_hashed() {
        let uuid = "e4b46cbf-b738-xmpl-8880-a18cdf61200e";
        assert_eq!(started_by(uuid), uuid);
        assert_eq!(started_by(&"a".repeat(128)), "a".repeat(128));
        for unusual in ["", "a/b", "a_b", "ä", "../x", &"a".repeat(129)] {
            assert_eq!(started_by(unusual), hex_sha256(unusual), "{unusual:?}");
        }
        let hash = hex_sha256("{}");
        assert_eq!(object_key("ingest", "r-1", "{}"), format!("immortal/ingest/r-1/{hash}"));
        assert_eq!(object_key("ingest", "../x", "{}"), format!("immortal/ingest/{}/{hash}", hex_sha256("../x")));
    }

    #[test]
    fn only_the_requests_own_object_is_its_event() {
        let hash = hex_sha256("{}");
        let own = format!("s3://events/immortal/ingest/r-1/{hash}");
        let table = [
            (own.clone(), true),
            (format!("s3://payroll/immortal/ingest/r-1/{hash}"), false),
            (format!("s3://events/immortal/other/r-1/{hash}"), false),
            (format!("s3://events/immortal/ingest/r-2/{hash}"), false),
            (format!("s3://events/immortal/ingest/r-1/x/{hash}"), false),
            (format!("s3://events/immortal/ingest/r-1/../r-2/{hash}"), false),
            (format!("s3://events//immortal/ingest/r-1/{hash}"), false),
            (format!("s3://events/immortal/ingest/r-1/{}", hash.to_uppercase()), false),
            (format!("s3://events/immortal/ingest/r-1/{}", &hash[1..]), false),
            (format!("{own}?versionId=1"), false),
            ("s3://events/immortal/ingest/r-1/progress".to_owned(), false),
            ("s3://events/immortal/ingest/r-1".to_owned(), false),
            (String::new(), false),
        ];
        for (uri, expected) in table {
            assert_eq!(is_event_object(&uri, "events", "ingest", "r-1"), expected, "{uri}");
        }
        let hashed = format!("s3://events/immortal/ingest/{}/{hash}", hex_sha256("../r"));
        assert!(is_event_object(&hashed, "events", "ingest", "../r"));
    }
}
