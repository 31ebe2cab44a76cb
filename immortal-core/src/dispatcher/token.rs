//! The client token, by which ECS recognises a repeated request.

use crate::{function::FunctionArn, job_object::hex_sha256};

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

    /// The client token. A call that moved to `FARGATE`, since Spot had no room, is another request and has another
    /// token.
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
    fn only_a_stopped_task_is_an_origin_with_a_task() {
        assert_eq!(TokenOrigin::Task("arn:task".into()).task(), Some("arn:task"));
        assert_eq!(invocation(INGEST, "r-1", 1, 0).task(), None);
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
}
