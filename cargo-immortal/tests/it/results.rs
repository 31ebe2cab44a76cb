//! Where results go, as the timeline of `local` shows it.

use super::lives::{checked_output, immortal};

#[test]
fn a_result_is_delivered_from_lambda() {
    let chain = ["local", "-p", "hello", "--event", "examples/hello/event.json", "--on-success", "queue"];
    let (result, shown) = checked_output(immortal(&chain).output().expect("the command runs"), 0);
    assert!(!result.is_empty());
    assert!(shown.contains("result delivered to arn:aws:sqs:eu-central-1:123456789012:hello-results"), "{shown}");
    assert!(shown.contains("handled in Lambda, by attempt 0"), "{shown}");
}

#[test]
fn a_result_is_delivered_from_fargate() {
    let object = "s3://wildlife/strikes/birdstrikes.csv=examples/ingest/data/birdstrikes.csv";
    for (kind, destination) in
        [("topic", "sns:eu-central-1:123456789012:"), ("bus", "events:eu-central-1:123456789012:event-bus/")]
    {
        let chain =
            ["local", "-p", "ingest", "--timeout", "1s", "--event", "examples/ingest/event.json", "--put", object];
        let (_, shown) =
            checked_output(immortal(&chain).args(["--on-success", kind]).output().expect("the command runs"), 0);
        assert!(shown.contains(&format!("result delivered to arn:aws:{destination}ingest-results")), "{shown}");
        assert!(shown.contains("handled on Fargate, by attempt 1"), "{shown}");
        assert!(!shown.contains("CloudWatchMetrics"), "metrics aren't for people: {shown}");
    }
}
