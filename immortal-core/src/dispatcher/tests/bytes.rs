//! Any JSON event comes out of the order as the bytes that went in: in every shape, on every kind.

use proptest::prelude::*;
use serde_json::Value;

use crate::{
    dispatcher::{
        config::EventTransport,
        event_form::{self, EventFormKind, JobEvent},
        input::{self, DispatcherInput, RecordContent},
        invocation_failure::{
            InvocationFailure,
            tests::{PRIMARY, functions},
        },
        task_overrides::TaskOverrides,
    },
    job_object,
    order::{EventForm, Order},
    task_size::TaskSize,
};

/// JSON as text, with all that a reader might make something else of.
fn json() -> impl Strategy<Value = String> {
    let numbers = prop_oneof![
        Just("18446744073709551616".to_owned()),
        Just("-0".to_owned()),
        Just("1.0".to_owned()),
        Just("1E+400".to_owned()),
        Just("0.10000000000000000000000001".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no other", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
    ];
    let escapes = prop_oneof![
        Just("\\ud800".to_owned()),
        Just("\\uDFFF\\u0000".to_owned()),
        Just("\\/\\b\\f\\n\\r\\t\\\"\\\\".to_owned()),
        Just("\\u00e4ä😀\u{7f}\u{2028}\u{feff}".to_owned()),
        "[ -!#-\\[\\]-~]{0,12}",
        proptest::collection::vec(any::<char>(), 0..8).prop_map(|chars| {
            let text: String = chars.into_iter().filter(|one| !one.is_control() && !"\"\\".contains(*one)).collect();
            text
        }),
    ];
    let text = proptest::collection::vec(escapes, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()));
    let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t\r ")];
    let leaf = prop_oneof![
        numbers,
        text.clone(),
        Just("null".to_owned()),
        Just("true".to_owned()),
        (1_usize..3_000).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        (0_usize..20_000).prop_map(|length| format!("\"{}\"", "a\\\"".repeat(length / 3))),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let member = (text.clone(), space.clone(), inner.clone())
            .prop_map(|(key, space, value)| format!("{key}{space}:{value}"));
        let same = inner.clone().prop_map(|value| format!("\"a\":{value},\"a\":{value}"));
        prop_oneof![
            (proptest::collection::vec(inner, 0..6), space.clone())
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(","))),
            (proptest::collection::vec(prop_oneof![4 => member, 1 => same], 0..6), space.clone())
                .prop_map(|(members, space)| format!("{{{space}{}{space}}}", members.join(","))),
        ]
    })
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text")
}

fn shapes(event: &str) -> Vec<String> {
    let record = |function: &str, payload: &str| {
        format!(
            r#"{{"version":"1.0","requestContext":{{"requestId":"r-1","functionArn":"{function}","condition":"RetriesExhausted"}},
                "requestPayload":{payload},"responseContext":{{"executedVersion":"$LATEST"}},"responsePayload":null}}"#
        )
    };
    let queue = |body: &str, attributes: &str| {
        format!(
            r#"{{"Records":[{{"messageId":"m","eventSource":"aws:sqs","body":{},"messageAttributes":{attributes}}}]}}"#,
            quoted(body)
        )
    };
    let topic = |message: &str, attributes: &str| {
        format!(
            r#"{{"Records":[{{"EventSource":"aws:sns","Sns":{{"Message":{},"MessageAttributes":{attributes}}}}}]}}"#,
            quoted(message)
        )
    };
    let notification =
        |message: &str| format!(r#"{{"Type":"Notification","TopicArn":"t","Message":{}}}"#, quoted(message));
    let record_of_primary = record(PRIMARY, event);
    vec![
        queue(event, r#"{"RequestID":{"stringValue":"r-1"}}"#),
        queue(&record_of_primary, "{}"),
        topic(event, r#"{"RequestID":{"Value":"r-1"}}"#),
        topic(&record_of_primary, "{}"),
        queue(&notification(&record_of_primary), "{}"),
        record_of_primary.clone(),
        queue(&record(&format!("{PRIMARY}Dlq"), &topic(&record_of_primary, "{}")), "{}"),
    ]
}

fn failure(payload: &str) -> InvocationFailure {
    // As `lambda_runtime` reads an event.
    let mut json = serde_json::Deserializer::from_slice(payload.as_bytes());
    let payload: Box<serde_json::value::RawValue> =
        serde_path_to_error::deserialize(&mut json).expect("a raw value survives");
    let reading = match input::read(payload.get(), &functions()) {
        DispatcherInput::Batch(mut records) => records.remove(0).1,
        DispatcherInput::Single(reading) => reading,
    };
    match reading.into_iter().next().expect("a subject").expect("a failure") {
        RecordContent::Failure(failure) => *failure,
        RecordContent::Task { .. } => panic!("no task"),
    }
}

/// What the runner would read, after it went over the wire as JSON.
fn received(overrides: &TaskOverrides) -> Order {
    let sent = serde_json::to_string(overrides).expect("plain data");
    assert!(sent.len() <= 8_192 && sent.len() == overrides.length(), "{} bytes", sent.len());
    let sent: Value = serde_json::from_str(&sent).expect("JSON");
    let variables = sent["containerOverrides"][0]["environment"].as_array().expect("a list").clone();
    let text = |variable: &Value, key: &str| variable[key].as_str().expect("a text").to_owned();
    Order::from_variables(|name| {
        variables.iter().find(|variable| text(variable, "name") == name).map(|variable| text(variable, "value"))
    })
    .expect("our own order")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn an_event_survives_every_shape_and_every_form(event in json()) {
        let size = Some(TaskSize { cpu: 16_384, memory: 122_880 });
        let transport = EventTransport::Inline { bucket: Some("events".to_owned()) };
        for shape in shapes(&event) {
            let failure = failure(&shape);
            prop_assert_eq!(&failure.event, &JobEvent::Text(event.clone()));
            for from in [EventFormKind::Inline, EventFormKind::Gzip, EventFormKind::S3] {
                let key = job_object::event_key("ingest", "r-1", &event);
                let order = Order {
                    event: (),
                    context: failure.context.clone(),
                    handler_path: None,
                    attempt: 1,
                    interruptions: 0,
                    limit: Some(3_600),
                    series: 0,
                    source: None,
                    failed_at: None,
                };
                let with = |form: &EventForm| TaskOverrides::new("runner", &order, form, size, Some(200));
                let (kind, overrides) = event_form::first_fitting(&event, &transport, &key, from, with).expect("it fits");
                prop_assert!(kind >= from);
                let order = received(&overrides);
                match &order.event {
                    EventForm::S3(uri) => prop_assert_eq!(uri, &format!("s3://events/{key}")),
                    form => prop_assert_eq!(form.text().expect("our own"), Some(event.as_str().into())),
                }
            }
        }
    }
}
