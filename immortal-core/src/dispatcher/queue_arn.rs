//! The ARN of a queue.

/// A queue, as a record's `eventSourceARN` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueArn<'a> {
    pub(super) account: &'a str,
    pub(super) name: &'a str,
}

impl<'a> QueueArn<'a> {
    pub(super) fn parse(arn: &'a str) -> Option<Self> {
        match arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "sqs", _, account, name] => Some(Self { account, name }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_known_by_its_arn() {
        let queue = QueueArn { account: "111111111111", name: "failures" };
        assert_eq!(QueueArn::parse("arn:aws:sqs:eu-central-1:111111111111:failures"), Some(queue));
        for other in ["", "failures", "arn:aws:sns:eu-central-1:111111111111:failures"] {
            assert_eq!(QueueArn::parse(other), None, "{other}");
        }
    }
}
