use super::{
    super::{
        failure_cause::FailureCause,
        invocation_failure::tests::{PRIMARY, functions},
    },
    *,
};

mod source_queues;

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text")
}

/// An SQS record with these members beside its id and time.
fn message(id: &str, members: &str) -> String {
    format!(
        r#"{{"messageId":"{id}","receiptHandle":"h","eventSource":"aws:sqs","awsRegion":"eu-central-1",
            "attributes":{{"ApproximateReceiveCount":"1","SentTimestamp":"1700000000000"}},{members}}}"#
    )
}

fn dead_letter_message(id: &str, body: &str) -> String {
    message(
        id,
        &format!(
            r#""body":{},"messageAttributes":{{"RequestID":{{"stringValue":"r-1","dataType":"String"}},
                "ErrorCode":{{"stringValue":"200","dataType":"Number"}},
                "ErrorMessage":{{"stringValue":"Task timed out after 3.00 seconds","dataType":"String"}}}}"#,
            quoted(body)
        ),
    )
}

fn destination_record(function: &str, payload: &str) -> String {
    format!(
        r#"{{"version":"1.0","timestamp":"2026-01-01T00:00:00.000Z","requestContext":{{"requestId":"r-2",
            "functionArn":"{function}:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":1}},
            "requestPayload":{payload},"responseContext":{{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"}},
            "responsePayload":{{"errorType":"Sandbox.Timedout","errorMessage":"x"}}}}"#
    )
}

fn queue(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

fn topic(message: &str, attributes: &str) -> String {
    format!(
        r#"{{"Records":[{{"EventSource":"aws:sns","EventVersion":"1.0","EventSubscriptionArn":"s",
            "Sns":{{"Type":"Notification","MessageId":"n","TopicArn":"t","Message":{},"MessageAttributes":{attributes}}}}}]}}"#,
        quoted(message)
    )
}

const SNS_ATTRIBUTES: &str = r#"{"RequestID":{"Type":"String","Value":"r-3"},
    "ErrorMessage":{"Type":"String","Value":"RequestId: r-3 Error: Runtime exited with error: exit status 1"}}"#;

fn ecs_event() -> String {
    r#"{"version":"0","source":"aws.ecs","detail-type":"ECS Task State Change","resources":["t"],
        "detail":{"taskArn":"t","lastStatus":"STOPPED","stopCode":"SpotInterruption"}}"#
        .to_owned()
}

fn bus_record(record: &str) -> String {
    format!(
        r#"{{"version":"0","source":"lambda","detail-type":"Lambda Function Invocation Result – Failure","detail":{record}}}"#
    )
}

fn stream_record(function: &str, batch: &str) -> String {
    let arn = "arn:aws:kinesis:eu-central-1:111111111111:stream/clicks";
    destination_record(function, "1")
        .replace("\"requestPayload\":1", &format!(r#""{batch}":{{"shardId":"shardId-0","streamArn":"{arn}"}}"#))
        .replace("RetriesExhausted", "RetryAttemptsExhausted")
}

fn own() -> String {
    format!("{PRIMARY}Dlq")
}

/// What an input is, in short: per record its message and what it holds.
fn summary(payload: &str) -> Vec<String> {
    let readings = match read(payload, &functions()) {
        DispatcherInput::Batch(records) => records
            .into_iter()
            .map(|(message, reading)| (message.map_or("?".to_owned(), |message| message.id), reading))
            .collect(),
        DispatcherInput::Single(reading) => vec![("-".to_owned(), reading)],
    };
    let one = |subject: RecordContent| match subject {
        RecordContent::Failure(failure) => {
            format!("{} {:?} {}", failure.context.aws_request_id, failure.cause, text(&failure.event))
        }
        RecordContent::Task { task, channel } => format!("task {} {channel:?}", task.arn),
    };
    let told =
        |read: Result<RecordContent, _>| read.map_or_else(|refusal: RefusedRecord| format!("refused: {refusal}"), one);
    let all = |reading: RecordReading| reading.into_iter().map(told).collect::<Vec<_>>().join(", ");
    readings.into_iter().map(|(id, reading)| format!("{id}: {}", all(reading))).collect()
}

const EVENT: &str = r#"{"n":1e400, "n":18446744073709551616, "s":"\ud800\u00e4ä"}"#;

#[test]
fn each_shape_holds_the_event_as_it_came() {
    let record = destination_record(PRIMARY, EVENT);
    let notification = |attributes: &str, text: &str| {
        format!(
            r#"{{"Type":"Notification","MessageId":"n","TopicArn":"t","Message":{},"MessageAttributes":{attributes}}}"#,
            quoted(text)
        )
    };
    let body = |text: &str| queue(&[message("m", &format!(r#""body":{},"messageAttributes":{{}}"#, quoted(text)))]);
    let table = [
        (queue(&[dead_letter_message("m", EVENT)]), format!("m: r-1 Time {EVENT}")),
        (body(&record), format!("m: r-2 Time {EVENT}")),
        (topic(&record, "{}"), format!("-: r-2 Time {EVENT}")),
        (topic(EVENT, SNS_ATTRIBUTES), format!("-: r-3 Crash {EVENT}")),
        (body(&notification("{}", &record)), format!("m: r-2 Time {EVENT}")),
        (body(&notification(SNS_ATTRIBUTES, EVENT)), format!("m: r-3 Crash {EVENT}")),
        (record.clone(), format!("-: r-2 Time {EVENT}")),
        (bus_record(&record), format!("-: r-2 Time {EVENT}")),
        (body(&bus_record(&record)), format!("m: r-2 Time {EVENT}")),
        (topic(&bus_record(&record), "{}"), format!("-: r-2 Time {EVENT}")),
        (ecs_event(), "-: task t Direct".to_owned()),
        (body(&ecs_event()), "m: task t Queue".to_owned()),
        (topic(&ecs_event(), "{}"), "-: task t Relayed".to_owned()),
        (body(&notification("{}", &ecs_event())), "m: task t Queue".to_owned()),
        (body(&destination_record(&own(), &ecs_event())), "m: task t Queue".to_owned()),
        (destination_record(&own(), &ecs_event()), "-: task t Relayed".to_owned()),
        (bus_record(&destination_record(&own(), &ecs_event())), "-: task t Relayed".to_owned()),
    ];
    for (payload, expected) in table {
        assert_eq!(summary(&payload), [expected], "{payload}");
    }
}

#[test]
fn a_pipes_bare_list_is_a_batch() {
    let records = [dead_letter_message("a", "1"), message("b", r#""body":"{}""#), "5".to_owned()];
    let read = summary(&format!("[{}]", records.join(",")));
    assert_eq!((read.len(), read[0].as_str()), (3, "a: r-1 Time 1"));
    assert!(read[1].starts_with("b: refused") && read[2].starts_with("?: refused"), "{read:?}");
    let list = format!("[{}]", records[0]);
    let body = |text: &str| queue(&[message("m", &format!(r#""body":{}"#, quoted(text)))]);
    assert_eq!(summary(&body(&destination_record(&own(), &list))), ["m: r-1 Time 1"], "redriven");
}

#[test]
fn an_empty_list_is_nothing_to_do() {
    let body = |text: &str| queue(&[message("m", &format!(r#""body":{}"#, quoted(text)))]);
    for empty in [r#"{"Records":[]}"#, "[]", " [ ] "] {
        assert_eq!(summary(empty), ["-: "], "{empty}");
        assert_eq!(summary(&body(&destination_record(&own(), empty))), ["m: "], "{empty}");
    }
}

#[test]
fn the_attribute_makes_it_an_event_whatever_it_looks_like() {
    for body in [destination_record(PRIMARY, "1"), destination_record("x", "1"), ecs_event(), "1".into(), "null".into()]
    {
        let expected = format!("m: r-1 Time {body}");
        assert_eq!(summary(&queue(&[dead_letter_message("m", &body)])), [expected]);
    }
}

#[test]
fn only_the_dispatchers_own_failures_are_unwrapped() {
    let body = |text: &str| queue(&[message("m", &format!(r#""body":{}"#, quoted(text)))]);
    let inner = destination_record(PRIMARY, "7");
    let looks_like = destination_record(&own(), "7");
    let table = [
        (body(&destination_record(&own(), &inner)), "m: r-2 Time 7".to_owned()),
        (body(&destination_record(&own(), &destination_record(&own(), &inner))), "m: r-2 Time 7".to_owned()),
        (body(&destination_record(&own(), &topic(&inner, "{}"))), "m: r-2 Time 7".to_owned()),
        (body(&destination_record(&own(), &topic("7", SNS_ATTRIBUTES))), "m: r-3 Crash 7".to_owned()),
        (body(&destination_record(PRIMARY, &looks_like)), format!("m: r-2 Time {looks_like}")),
        (body(&destination_record(PRIMARY, &ecs_event())), format!("m: r-2 Time {}", ecs_event())),
        (body(&destination_record(PRIMARY, r#"{"Records":[]}"#)), r#"m: r-2 Time {"Records":[]}"#.to_owned()),
        (
            bus_record(&destination_record(PRIMARY, &stream_record(PRIMARY, "KinesisBatchInfo"))),
            format!("-: r-2 Time {}", stream_record(PRIMARY, "KinesisBatchInfo")),
        ),
    ];
    for (payload, expected) in table {
        assert_eq!(summary(&payload), [expected], "{payload}");
    }
    let mut deep = inner;
    for _ in 0..40 {
        deep = destination_record(&own(), &deep);
    }
    assert!(summary(&body(&deep))[0].contains("more than 32 times"));
}

#[test]
fn each_record_of_a_batch_stands_alone() {
    let test_event = r#""body":"{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Bucket\":\"b\"}""#;
    let records = [
        dead_letter_message("a", "1"),
        message("b", test_event),
        message("c", r#""body":"no json""#),
        message("d", r#""messageAttributes":{}"#),
        message(
            "e",
            &format!(
                r#""body":{}"#,
                quoted(&destination_record("arn:aws:lambda:eu-central-1:111111111111:function:other", "1"))
            ),
        ),
        r#"{"messageId":"f","eventSource":"aws:s3"}"#.to_owned(),
        "5".to_owned(),
        dead_letter_message("g", "2"),
        dead_letter_message("h", "{"),
    ];
    let read = summary(&queue(&records));
    let table = [
        "a: r-1 Time 1",
        "s3:TestEvent",
        "sent by hand",
        "without a body",
        "other",
        "aws:s3",
        "?: refused",
        "g: r-1 Time 2",
        "not valid JSON",
    ];
    assert_eq!(read.len(), table.len());
    for (line, part) in read.iter().zip(table) {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn what_is_none_of_them_is_refused_by_name() {
    let bus = r#"{"source":"aws.ecs","detail-type":"ECS Service Action","detail":{}}"#;
    let success = destination_record(PRIMARY, "1").replace("RetriesExhausted", "Success");
    let result = bus_record("{}");
    let streams = ["KinesisBatchInfo", "DDBStreamBatchInfo", "KafkaBatchInfo"].map(|info| stream_record(PRIMARY, info));
    let bare_stream = destination_record(&own(), "1")
        .replace("\"requestPayload\":1,", "")
        .replace("RetriesExhausted", "RetryAttemptsExhausted");
    let table = [
        (r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#, "aws:s3"),
        (r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#, "s3:TestEvent"),
        (r#"{"Type":"SubscriptionConfirmation","TopicArn":"t","Message":"m"}"#, "SubscriptionConfirmation"),
        (bus, "ECS Service Action"),
        (result.as_str(), "Invocation Result"),
        (success.as_str(), "OnSuccess"),
        (r#"{"source":"aws.ecs","detail-type":"ECS Task State Change","detail":{"lastStatus":"STOPPED"}}"#, "taskArn"),
        (r#"{"source":"mine","detail-type":"ECS Task State Change","detail":{}}"#, "bus event"),
        (streams[0].as_str(), "stream/clicks"),
        (streams[1].as_str(), "FIRE_AND_FORGET"),
        (streams[2].as_str(), "FIRE_AND_FORGET"),
        (bare_stream.as_str(), "FIRE_AND_FORGET"),
        (r#"{"secret":1}"#, "RequestID"),
        (r#"{"secret":1}"#, "function:ingest"),
        (r#"{"Records":[{"secret":1}]}"#, "RequestID"),
        ("[1]", "not a JSON object"),
        (r#""secret""#, "RequestID"),
        (r#"{"requestContext":{"accountId":"1"},"version":"1.0"}"#, "RequestID"),
    ];
    for (payload, named) in table {
        let read = summary(payload);
        assert!(read.len() == 1 && read[0].starts_with("-: refused") && read[0].contains(named), "{read:?}");
        assert!(!read[0].contains("secret"), "an event is never shown");
    }
}

#[test]
fn unprintable_characters_are_refused_in_every_shape() {
    let forged = |text: &str| text.replace("r-1", r"r-1\nEND RequestId: r-9").replace("r-3", r"r-3\u0085");
    let record = |text: &str| text.replace("r-2", r"r-2\r\nEND");
    let version = |text: &str| text.replace(r#""executedVersion":"$LATEST""#, r#""executedVersion":"7\n""#);
    let destination = destination_record(PRIMARY, "1");
    let payloads = [
        forged(&queue(&[dead_letter_message("m", "1")])),
        forged(&topic("1", SNS_ATTRIBUTES)),
        record(&destination),
        record(&destination.replace("RetriesExhausted", "Success")),
        record(&destination_record("x", "1")),
        record(&destination_record(&own(), "1")),
        record(&bus_record(&destination)),
        topic(&record(&destination), "{}"),
        version(&destination),
        ecs_event().replace(r#""taskArn":"t""#, r#""taskArn":"t\nEND""#),
        ecs_event().replace("STOPPED", r"STOPPED\nEND"),
    ];
    for payload in payloads {
        let read = summary(&payload);
        assert!(read[0].contains("refused: ") && read[0].contains("printable ASCII"), "{read:?}");
        assert!(!read[0].contains(char::is_control), "{read:?}");
    }
}

#[test]
fn a_message_brings_its_time() {
    let DispatcherInput::Batch(records) = read(&queue(&[dead_letter_message("m", "1")]), &functions()) else {
        panic!("a batch")
    };
    let (message, _) = &records[0];
    let message = message.as_ref().expect("it has a name");
    assert_eq!((message.id.as_str(), message.sent), ("m", Some(1_700_000_000_000)));
    assert_eq!(format!("{message:?}"), "QueueMessage(m, received 1 times)", "without its event");
}

#[test]
fn a_topic_may_hold_several() {
    let one = topic("1", SNS_ATTRIBUTES);
    let two =
        one.replace("\"Records\":[", &format!("\"Records\":[{},", &topic("2", SNS_ATTRIBUTES)[12..one.len() - 2]));
    assert_eq!(summary(&two), ["-: r-3 Crash 2, r-3 Crash 1"]);
    let bad = two.replacen("aws:sns", "aws:ses", 1);
    let read = summary(&bad);
    assert!(read[0].starts_with("-: refused: ") && read[0].ends_with(", r-3 Crash 1"), "each stands alone: {read:?}");
    assert_eq!(FailureCause::from_text("x"), FailureCause::Handler);
}

fn text(event: &crate::dispatcher::event_form::JobEvent) -> &str {
    match event {
        crate::dispatcher::event_form::JobEvent::Text(event) => event,
        other @ crate::dispatcher::event_form::JobEvent::Formed(_) => panic!("{other:?}"),
    }
}
