use super::*;

const ARN: &str = "arn:aws:lambda:eu-central-1:111111111111:function:ingest";

fn context() -> Context {
    Context {
        aws_request_id: "r-1".into(),
        function_name: "ingest".into(),
        function_version: "7".into(),
        invoked_function_arn: ARN.into(),
        ..Context::default()
    }
}

fn job<'a>(context: &'a Context, event: GivenUpEvent<'a>, reason: &'a str) -> GivenUpJob<'a> {
    GivenUpJob { context, event, series: 0, source: None, attempts: 3, task: Some("arn:task"), reason }
}

#[test]
fn it_is_lambdas_record_with_how_to_go_on() {
    let event: &RawValue = serde_json::from_str(r#"{"n": 1e2}"#).expect("JSON");
    let context = context();
    let letter = DeadLetter::from_job(&job(&context, GivenUpEvent::Text(event), "why"), "2026-11-26T00:00:00Z");
    let expected = format!(
        r#"{{"version":"1.0","timestamp":"2026-11-26T00:00:00Z","requestContext":{{"requestId":"r-1","functionArn":"{ARN}:7","condition":"RetriesExhausted","approximateInvokeCount":1}},"requestPayload":{{"n": 1e2}},"responseContext":{{"statusCode":200,"executedVersion":"7","functionError":"Unhandled"}},"responsePayload":{{"errorType":"Immortal.GivenUp","errorMessage":"why"}},"immortal":{{"series":1,"context":{}}}}}"#,
        serde_json::to_string(&context).expect("plain data")
    );
    assert_eq!(letter.body, expected);
    let expected = [
        ("ImmortalReason", "why"),
        ("ImmortalRequestId", "r-1"),
        ("ImmortalAttempts", "3"),
        ("ImmortalTask", "arn:task"),
    ];
    assert_eq!(letter.attributes, expected.map(|(name, value)| MessageAttribute::text(name, value.into())));
}

#[test]
fn an_event_in_s3_stays_there() {
    let context = context();
    let job = GivenUpJob { series: 4, ..job(&context, GivenUpEvent::Object("s3://b/k"), "why") };
    let letter = DeadLetter::from_job(&job, "");
    let record: serde_json::Value = serde_json::from_str(&letter.body).expect("JSON");
    assert_eq!(record["requestPayload"], serde_json::Value::Null);
    assert_eq!(record["immortal"]["eventObject"], "s3://b/k");
    assert_eq!(record["immortal"]["series"], 5);
}

#[test]
fn attributes_are_printable_and_never_empty() {
    let letter = DeadLetter::from_record("{", "no\nJSON: \u{e4}", "");
    assert_eq!(letter.attributes, [MessageAttribute::text("ImmortalReason", "no?JSON: ?".into())]);
    let long = DeadLetter::from_record("", &"x".repeat(5_000), " ");
    let longest = MessageAttribute::text("ImmortalReason", "x".repeat(1024));
    assert_eq!(long.attributes, [longest]);
}

#[test]
fn a_message_of_a_mebibyte_fits() {
    let overhead = "ImmortalReason".len() + "String".len() + 1;
    for (length, fits) in [(LARGEST_MESSAGE - overhead, true), (LARGEST_MESSAGE - overhead + 1, false)] {
        assert_eq!(DeadLetter::from_record(&"x".repeat(length), "y", "").fits(), fits, "{length}");
    }
}

#[test]
fn the_records_own_attributes_go_before_ours() {
    let attribute = |name: &str| MessageAttribute::text(name, "x".into());
    let names = |of_record: &[MessageAttribute], body: &str| {
        let letter = DeadLetter::from_record(body, "why", "r-1").with_attributes(of_record);
        assert!(letter.fits() && letter.reason == "why");
        letter.attributes.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    let numbered = |count: usize| (0..count).map(|number| attribute(&format!("a{number}"))).collect::<Vec<_>>();
    assert_eq!(names(&[attribute("RequestID")], "{}"), ["RequestID", "ImmortalReason", "ImmortalRequestId"]);
    let redriven = [attribute("ImmortalReason"), attribute("Kind")];
    assert_eq!(names(&redriven, "{}"), ["Kind", "ImmortalReason", "ImmortalRequestId"], "an old reason is replaced");
    assert_eq!(names(&numbered(9), "{}").last().map(String::as_str), Some("ImmortalReason"), "ten are the most");
    assert_eq!(names(&numbered(10), "{}").len(), 10);
    assert_eq!(names(&[], &"x".repeat(LARGEST_MESSAGE)), [""; 0], "the body goes before ours, too");
}

#[test]
fn a_job_of_a_queue_says_so() {
    let context = context();
    let source = Some(EventSource::Sqs);
    let letter =
        DeadLetter::from_job(&GivenUpJob { source, ..job(&context, GivenUpEvent::Object("s3://b/k"), "why") }, "");
    let record: serde_json::Value = serde_json::from_str(&letter.body).expect("JSON");
    assert_eq!(record["immortal"]["source"], "sqs");
    let mark: DeadLetterMark = serde_json::from_value(record["immortal"].clone()).expect("our own");
    assert_eq!(mark.source, source);
}
