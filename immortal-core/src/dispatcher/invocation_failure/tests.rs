use super::*;

pub(in crate::dispatcher) const PRIMARY: &str = "arn:aws:lambda:eu-central-1:111111111111:function:ingest";

pub(in crate::dispatcher) fn functions() -> KnownFunctions {
    KnownFunctions {
        own: format!("{PRIMARY}Dlq").parse().expect("an ARN"),
        primary: PRIMARY.parse().expect("an ARN"),
        source_queues: Vec::new(),
    }
}

fn inline(event: &str) -> JobEvent {
    JobEvent::Text(event.to_owned())
}

fn record(json: &str) -> Result<InvocationFailure, RefusedRecord> {
    from_record(&JsonObject::read(json).expect("an object"), &functions())
}

#[test]
fn a_dead_letter_knows_its_request_and_nothing_else() {
    let event = " {\"n\" : 1.0, \"n\":2 }\n";
    let failure = from_dead_letter(event, "r-1", "no such table", &functions()).expect("a failure");
    assert_eq!((&failure.event, failure.cause, failure.series), (&inline(event), FailureCause::Handler, 0));
    let context = failure.context;
    assert_eq!((context.aws_request_id.as_str(), context.function_name.as_str()), ("r-1", "ingest"));
    assert_eq!((context.function_version.as_str(), context.invoked_function_arn.as_str()), ("$LATEST", PRIMARY));
    assert_eq!((context.memory_limit_in_mb.as_str(), context.log_group_name.as_str()), ("", ""));
    assert!(context.xray_trace_id.is_none() && context.tenant_id.is_none());
}

#[test]
fn the_configured_qualifier_is_the_version_where_nothing_else_names_one() {
    let functions = KnownFunctions { primary: format!("{PRIMARY}:live").parse().expect("an ARN"), ..functions() };
    let failure = from_dead_letter("1", "r-1", "", &functions).expect("a failure");
    assert_eq!(failure.context.function_version, "live");
    assert_eq!(failure.context.invoked_function_arn, format!("{PRIMARY}:live"));
}

#[test]
fn a_hand_over_fills_in_the_rest() {
    let message = format!(
        "Immortal.HandedOver: before the deadline {{\"awsRequestId\":\"r-1\",\"functionName\":\"ingest\",\
         \"functionVersion\":\"7\",\"invokedFunctionArn\":\"{PRIMARY}:live\",\"memoryLimitInMB\":\"512\",\
         \"logGroupName\":\"g\",\"logStreamName\":\"s\",\"xrayTraceId\":\"Root=1\",\"tenantId\":\"acme\"}}"
    );
    let failure = from_dead_letter("1", "r-1", &message, &functions()).expect("a failure");
    let context = failure.context;
    assert_eq!(failure.cause, FailureCause::Time);
    assert_eq!(context.aws_request_id, "r-1");
    assert_eq!(context.function_version, "7");
    assert_eq!(context.invoked_function_arn, format!("{PRIMARY}:live"));
    assert_eq!((context.memory_limit_in_mb.as_str(), context.log_stream_name.as_str()), ("512", "s"));
    assert_eq!((context.xray_trace_id.as_deref(), context.tenant_id.as_deref()), (Some("Root=1"), Some("acme")));
}

#[test]
fn an_odd_value_in_a_hand_over_costs_no_other() {
    let message = r#"Immortal.HandedOver: x {"awsRequestId":"r-1","functionVersion":"7","xrayTraceId":5,
        "tenantId":"a\nb","clientContext":"c","logStreamName":"s"}"#;
    let context = from_dead_letter("1", "r-1", message, &functions()).expect("a failure").context;
    assert_eq!((context.function_version.as_str(), context.log_stream_name.as_str()), ("7", "s"));
    assert!(context.xray_trace_id.is_none() && context.tenant_id.is_none() && context.client_context.is_none());
}

#[test]
fn a_hand_over_of_another_function_is_refused() {
    for context in [
        r#"{"awsRequestId":"r-1","functionName":"other"}"#,
        r#"{"awsRequestId":"r-1","functionName":"ingest","invokedFunctionArn":"function-arn:x"}"#,
        r#"{"awsRequestId":"r-1","invokedFunctionArn":"arn:aws:lambda:eu-central-1:222222222222:function:ingest"}"#,
    ] {
        let message = format!("Immortal.HandedOver: x {context}");
        let refusal = from_dead_letter("1", "r-1", &message, &functions()).expect_err(context);
        assert!(refusal.0.contains("r-1") && refusal.0.contains("IMMORTAL_FUNCTION"), "{refusal}");
    }
    let cut = r#"Immortal.HandedOver: x {"awsRequestId":"r-1","functionName":"other""#;
    assert!(from_dead_letter("1", "r-1", cut, &functions()).is_ok(), "what is cut names nothing");
}

#[test]
fn another_functions_hand_over_passed_on_as_an_error_is_dropped_and_the_event_is_not() {
    let json =
        r#"{\"awsRequestId\":\"r-9\",\"functionName\":\"other\",\"functionVersion\":\"9\",\"tenantId\":\"theirs\"}"#;
    let text = |json: &str| format!("Immortal.HandedOver: x {}", json.replace('\\', ""));
    let of_record = |error_type: &str, json: &str| {
        record(&format!(
            r#"{{"requestContext":{{"requestId":"r-1","functionArn":"{PRIMARY}"}},"requestPayload":1,
                "responseContext":{{"executedVersion":"7"}},
                "responsePayload":{{"errorType":"{error_type}","errorMessage":"Immortal.HandedOver: x {json}"}}}}"#
        ))
    };
    let same_request = json.replace("r-9", "r-1");
    let table = [
        (of_record("MyError", json), FailureCause::Handler),
        (of_record("MyError", &same_request), FailureCause::Handler),
        (of_record("Immortal.HandedOver", json), FailureCause::Time),
        (from_dead_letter("1", "r-1", &text(json), &functions()), FailureCause::Time),
        (
            from_dead_letter("1", "r-1", &format!("downstream: {}", text(&same_request)), &functions()),
            FailureCause::Handler,
        ),
    ];
    for (failure, cause) in table {
        let failure = failure.expect("the record stays");
        assert_eq!((failure.cause, failure.context.tenant_id.as_deref()), (cause, None));
        assert_eq!(failure.context.function_name, "ingest");
    }
}

#[test]
fn unprintable_characters_are_refused_and_never_logged_as_they_are() {
    let forged = "r-1\\nEND RequestId: forged";
    let of_record = |id: &str, version: &str| {
        record(&format!(
            r#"{{"requestContext":{{"requestId":"{id}","functionArn":"{PRIMARY}"}},"requestPayload":1,
                "responseContext":{{"executedVersion":"{version}"}}}}"#
        ))
    };
    let version = r#"Immortal.HandedOver: x {"awsRequestId":"r-1","functionVersion":"7\u0085"}"#;
    let table = [
        from_dead_letter("1", "r-1\nEND RequestId: forged", "", &functions()),
        from_dead_letter("1", "r-1\u{7f}", "", &functions()),
        from_dead_letter("1", "r-ä", "", &functions()),
        from_dead_letter("1", "r-1", version, &functions()),
        of_record(forged, "7"),
        of_record("r-1\\r", "7"),
        of_record("r-1", "7\\u0000"),
        of_record("r-1", forged),
    ];
    for failure in table {
        let refusal = failure.expect_err("it holds one").to_string();
        assert!(refusal.contains("printable ASCII") && !refusal.contains(char::is_control), "{refusal}");
    }
    assert!(shown(&"x".repeat(1_000)).len() < 300);
}

#[test]
fn a_record_names_function_and_version() {
    let failure = record(&format!(
        r#"{{"requestContext":{{"requestId":"r-1","functionArn":"{PRIMARY}:live","condition":"RetriesExhausted"}},
            "requestPayload":{{"a":1.50, "a":null}},
            "responseContext":{{"statusCode":200,"executedVersion":"7","functionError":"Unhandled"}},
            "responsePayload":{{"errorType":"Immortal.HandedOver",
              "errorMessage":"Immortal.HandedOver: x {{\"awsRequestId\":\"r-1\",\"functionVersion\":\"9\",\"invokedFunctionArn\":\"{PRIMARY}\",\"tenantId\":\"acme\"}}"}}}}"#
    ))
    .expect("a failure");
    assert_eq!(failure.event, inline(r#"{"a":1.50, "a":null}"#));
    assert_eq!(failure.context.function_version, "7", "the record's, not the hand-over's");
    assert_eq!(failure.context.invoked_function_arn, format!("{PRIMARY}:live"));
    assert_eq!(failure.context.tenant_id.as_deref(), Some("acme"));
    assert_eq!(failure.cause, FailureCause::Time);
}

#[test]
fn a_record_of_what_never_ran_has_the_arns_version() {
    for (qualifier, version) in [(":$LATEST", "$LATEST"), (":3", "3"), ("", "$LATEST")] {
        let failure = record(&format!(
            r#"{{"requestContext":{{"requestId":"r-1","functionArn":"{PRIMARY}{qualifier}","condition":"EventAgeExceeded"}},"requestPayload":null}}"#
        ))
        .expect("a failure");
        assert_eq!((failure.context.function_version.as_str(), failure.cause), (version, FailureCause::NeverRan));
        assert_eq!(failure.event, inline("null"));
    }
}

#[test]
fn a_record_says_when_it_failed() {
    let table = [
        (r#""2026-11-27T10:00:00.250Z""#, Some(1_795_773_600_250)),
        (r#""1970-01-01T00:00:00.001Z""#, Some(1)),
        (r#""1970-01-01T00:00:00.000Z""#, None),
        (r#""1969-12-31T23:59:59.000Z""#, None),
        (r#""yesterday""#, None),
        ("null", None),
    ];
    for (timestamp, expected) in table {
        let failure = record(&format!(
            r#"{{"timestamp":{timestamp},"requestContext":{{"requestId":"r-1","functionArn":"{PRIMARY}:7","condition":"EventAgeExceeded"}},"requestPayload":1}}"#
        ));
        assert_eq!(failure.expect("a failure").failed_at, expected, "{timestamp}");
    }
}

#[test]
fn what_lacks_something_is_refused_with_what() {
    let table = [
        (r#"{"requestContext":{"functionArn":"x"},"requestPayload":1}"#, "requestId"),
        (r#"{"requestContext":{"requestId":"r-1","functionArn":"x"}}"#, "requestPayload"),
    ];
    for (json, named) in table {
        assert!(record(json).expect_err(json).0.contains(named), "{json}");
    }
    assert!(from_dead_letter("{", "r-1", "", &functions()).is_err());
    assert!(from_dead_letter("{}", "", "", &functions()).is_err());
}

#[test]
fn an_event_is_never_shown() {
    let failure = from_dead_letter(r#"{"secret":1}"#, "r-1", "", &functions()).expect("a failure");
    let shown = format!("{failure:?}");
    assert!(shown.contains("r-1, Text(12 bytes)") && !shown.contains("secret"), "{shown}");
}

#[test]
fn a_redriven_dead_letter_begins_the_next_series_with_the_same_context() {
    let context = r#"{"awsRequestId":"r-1","functionName":"ingest","functionVersion":"7","logStreamName":"s"}"#;
    let letter = |immortal: &str, payload: &str, error_type: &str| {
        record(&format!(
            r#"{{"version":"1.0","requestContext":{{"requestId":"r-1","functionArn":"{PRIMARY}:7","condition":"RetriesExhausted"}},
                "requestPayload":{payload},"responseContext":{{"executedVersion":"7"}},
                "responsePayload":{{"errorType":"{error_type}","errorMessage":"why"}},"immortal":{immortal}}}"#
        ))
    };
    let given_up = "Immortal.GivenUp";
    let failure = letter(&format!(r#"{{"series":2,"context":{context}}}"#), "5", given_up).expect("a failure");
    assert_eq!((failure.event, failure.cause, failure.series), (inline("5"), FailureCause::Redriven, 2));
    assert_eq!(failure.context.log_stream_name, "s");

    let stored = format!(r#"{{"series":1,"context":{context},"eventObject":"s3://events/k"}}"#);
    let failure = letter(&stored, "null", given_up).expect("a failure");
    assert_eq!(failure.event, JobEvent::Formed(EventForm::S3("s3://events/k".into())));

    let other_request = format!(r#"{{"series":1,"context":{}}}"#, context.replace("r-1", "r-2"));
    assert_eq!(letter(&other_request, "5", given_up).expect("a failure").context.log_stream_name, "");
    let other_function = format!(r#"{{"series":1,"context":{}}}"#, context.replace("ingest", "payroll"));
    assert!(letter(&other_function, "5", given_up).is_err());
    assert!(letter(r#"{"series":"x"}"#, "5", given_up).expect_err("no series").0.contains("immortal"));
    let forged = letter(r#"{"series":1,"source":"a\nEND RequestId: forged"}"#, "5", given_up).expect_err("no source").0;
    assert!(forged.contains("immortal") && !forged.contains(char::is_control), "{forged:?}");

    // Neither an error of another type nor a letter of the first version begins a series.
    for (immortal, error_type) in [(stored.as_str(), "MyError"), ("null", given_up), (r#"{"series":0}"#, given_up)] {
        let failure = letter(immortal, "5", error_type).expect("a failure");
        let expected = (inline("5"), 0, FailureCause::Handler);
        assert_eq!((failure.event, failure.series, failure.cause), expected, "{immortal} {error_type}");
    }
}
