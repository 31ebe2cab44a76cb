//! The destination of a result, by its ARN.

use std::{fmt, str::FromStr};

/// Where a result goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::runner) enum ResultDestination {
    /// The destination in the function's asynchronous configuration.
    #[default]
    OfFunction,
    Nowhere,
    Arn(DestinationArn),
}

impl FromStr for ResultDestination {
    type Err = UnknownDestination;

    fn from_str(text: &str) -> Result<Self, UnknownDestination> {
        if text == "none" { Ok(Self::Nowhere) } else { text.parse().map(Self::Arn) }
    }
}

/// A destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::runner) struct DestinationArn {
    arn: String,
    kind: DestinationKind,
}

/// The kinds of Lambda's `OnSuccess` destinations.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DestinationKind {
    Queue,
    Topic,
    Bus,
    Function,
}

/// An error for any other ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the ARN of a standard queue, a standard topic, an event bus or a function")]
pub(in crate::runner) struct UnknownDestination(String);

impl FromStr for DestinationArn {
    type Err = UnknownDestination;

    fn from_str(arn: &str) -> Result<Self, UnknownDestination> {
        let kind = match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "sqs", _, _, name] if is_standard(name) => DestinationKind::Queue,
            ["arn", _, "sns", _, _, name] if is_standard(name) => DestinationKind::Topic,
            ["arn", _, "events", _, _, bus] if bus.starts_with("event-bus/") => DestinationKind::Bus,
            ["arn", _, "lambda", _, _, function] if function.starts_with("function:") => DestinationKind::Function,
            _ => return Err(UnknownDestination(arn.to_owned())),
        };
        Ok(Self { arn: arn.to_owned(), kind })
    }
}

/// FIFO queues and topics can't be destinations.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
fn is_standard(name: &str) -> bool {
    !name.is_empty() && name.rsplit_once('.').is_none_or(|(_, suffix)| suffix != "fifo")
}

impl fmt::Display for DestinationArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

impl DestinationArn {
    pub(super) fn kind(&self) -> DestinationKind {
        self.kind
    }

    pub(super) fn as_str(&self) -> &str {
        &self.arn
    }

    /// The part after the last colon: the name of a queue.
    pub(super) fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// The region of it.
    pub(super) fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }

    /// The account of it.
    pub(super) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The largest record that it accepts, in bytes.
    ///
    /// Sources: 1 MiB by `botocore:sqs:SendMessageRequest`; 256 KiB by
    /// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html> and
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>, where an entry's other members
    /// count too; 1 MB by <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> for an asynchronous
    /// invocation.
    pub(super) fn largest_record(&self) -> usize {
        const AROUND_AN_ENTRY: usize = 1024;
        match self.kind {
            DestinationKind::Queue => 1 << 20,
            DestinationKind::Topic => 256 << 10,
            DestinationKind::Bus => (256 << 10) - AROUND_AN_ENTRY,
            DestinationKind::Function => 1_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_known_by_its_arn() {
        let table = [
            ("arn:aws:sqs:eu-central-1:111111111111:results", DestinationKind::Queue),
            ("arn:aws-cn:sns:cn-north-1:111111111111:results", DestinationKind::Topic),
            ("arn:aws:events:eu-central-1:111111111111:event-bus/default", DestinationKind::Bus),
            ("arn:aws:lambda:eu-central-1:111111111111:function:after:live", DestinationKind::Function),
        ];
        for (arn, kind) in table {
            let destination: DestinationArn = arn.parse().expect(arn);
            assert_eq!((destination.kind(), destination.to_string().as_str()), (kind, arn));
            assert_eq!(destination.account(), "111111111111");
            assert_eq!(arn.parse(), Ok(ResultDestination::Arn(destination)));
        }
        assert_eq!("none".parse(), Ok(ResultDestination::Nowhere));
        for other in [
            "",
            "results",
            "arn:aws:s3:::results",
            "arn:aws:events:x:1:rule/r",
            "arn:aws:sqs:x:1:",
            "arn:aws:sns:x:1:a.fifo",
            "None",
        ] {
            assert!(other.parse::<ResultDestination>().is_err(), "{other}");
        }
    }
}
