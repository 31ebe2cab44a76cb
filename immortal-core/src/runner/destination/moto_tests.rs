//! Each kind of destination as moto has it, an AWS that isn't ours. `.ci/results` starts it, makes what is named in the
//! variables, runs this, and looks at what arrived.

use super::*;
use crate::context::Context;

/// A variable that `.ci/results` sets.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing; run .ci/results"))
}

#[tokio::test]
#[ignore = "needs moto, which .ci/results starts"]
async fn moto_takes_a_record_by_each_kind_of_destination() {
    let clients = DestinationClients::new(&AwsClients::at(&variable("MOTO_ENDPOINT"))).await;
    let context = Context {
        aws_request_id: "r-1".into(),
        function_version: "$LATEST".into(),
        invoked_function_arn: "arn:aws:lambda:eu-central-1:123456789012:function:ingest".into(),
        ..Context::default()
    };
    let event = RawValue::from_string(r#"{"n":1e2}"#.into()).expect("JSON");
    let record = SuccessRecord {
        context: &context,
        attempt: 1,
        timestamp: "2026-11-27T00:00:00.000Z",
        event: Some(&event),
        response: RawValue::from_string(r#"{"rows":1.50}"#.into()).ok(),
    };
    let destinations = variable("MOTO_DESTINATIONS");
    let destinations: Vec<DestinationArn> = destinations.split(' ').map(|arn| arn.parse().expect("an ARN")).collect();
    assert_eq!(destinations.len(), 4);
    for destination in destinations {
        let sent = send(&clients, &destination, &record, None, "no/key").await;
        sent.unwrap_or_else(|error| panic!("{destination}: {error}"));
    }
}
