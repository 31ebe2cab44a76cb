//! The error message of a hand-over, with as much of the context as fits.

use crate::{context::Context, names::HANDED_OVER};

/// The longest message, in bytes: the message attribute of a `DeadLetterConfig` has only the first kilobyte.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>.
const LONGEST: usize = 1000;

/// The dispatcher looks for the first brace, so this has none.
const SENTENCE: &str = "the deadline is near, so the event is handed over to Fargate";

/// The members to leave out of a message that is too long, in this order; request id and ARN always stay.
const DISPENSABLE: [fn(&mut Context); 6] = [
    |context| context.identity = None,
    |context| context.client_context = None,
    |context| context.tenant_id = None,
    |context| context.xray_trace_id = None,
    |context| context.log_stream_name.clear(),
    |context| context.log_group_name.clear(),
];

/// The message for a context.
pub(super) fn write(mut context: Context) -> String {
    let mut message = with(&context);
    for leave_out in DISPENSABLE {
        if message.len() <= LONGEST {
            break;
        }
        leave_out(&mut context);
        message = with(&context);
    }
    message
}

fn with(context: &Context) -> String {
    let mut json = serde_json::to_string(context).unwrap_or_default();
    // A context has these names always; where the two that hold JSON of their own are gone, they can be left out too.
    if context.identity.is_none() && context.client_context.is_none() {
        for unknown in [r#","logGroupName":"""#, r#","logStreamName":"""#] {
            json = json.replace(unknown, "");
        }
    }
    format!("{HANDED_OVER}: {SENTENCE} {json}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn context() -> Context {
        Context {
            aws_request_id: "e4b46cbf-0000-4000-8000-000000000000".into(),
            function_name: "ingest".into(),
            function_version: "$LATEST".into(),
            invoked_function_arn: "arn:aws:lambda:eu-central-1:123456789012:function:ingest".into(),
            memory_limit_in_mb: "512".into(),
            log_group_name: "/aws/lambda/ingest".into(),
            log_stream_name: "2026/11/23/[$LATEST]0123456789abcdef".into(),
            xray_trace_id: Some("Root=1-5759e988-bd862e3fe1be46a994272793".into()),
            tenant_id: Some("acme".into()),
            client_context: Some(raw(r#"{"custom":{"a":"b"}}"#)),
            identity: Some(raw(r#"{"cognitoIdentityId":"i"}"#)),
        }
    }

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).expect("JSON")
    }

    fn read(message: &str) -> Context {
        let json = message.find('{').map(|brace| &message[brace..]).expect("a brace");
        serde_json::from_str(json).expect("a context")
    }

    fn left(message: &str) -> [bool; 6] {
        let context = read(message);
        [
            context.identity.is_some(),
            context.client_context.is_some(),
            context.tenant_id.is_some(),
            context.xray_trace_id.is_some(),
            !context.log_stream_name.is_empty(),
            !context.log_group_name.is_empty(),
        ]
    }

    #[test]
    fn what_fits_is_whole() {
        let message = write(context());
        assert!(message.starts_with("Immortal.HandedOver: the deadline is near"), "{message}");
        assert_eq!(left(&message), [true; 6]);
        assert_eq!(read(&message).identity.expect("it fits").get(), r#"{"cognitoIdentityId":"i"}"#);
    }

    #[test]
    fn fields_go_in_the_stated_order() {
        let long = |length: usize| "x".repeat(length);
        let json = |length: usize| Some(raw(&format!("\"{}\"", "x".repeat(length))));
        let table: [(Context, usize); 6] = [
            (Context { identity: json(900), ..context() }, 1),
            (Context { client_context: json(900), ..context() }, 2),
            (Context { tenant_id: Some(long(900)), ..context() }, 3),
            (Context { xray_trace_id: Some(long(900)), ..context() }, 4),
            (Context { log_stream_name: long(900), ..context() }, 5),
            (Context { log_group_name: long(900), ..context() }, 6),
        ];
        for (context, gone) in table {
            let message = write(context);
            let expected: Vec<bool> = (0..6).map(|field| field >= gone).collect();
            assert_eq!(left(&message).as_slice(), expected, "{message}");
            assert!(message.len() <= LONGEST);
            assert!(!message.contains(r#":"""#), "what is left out isn't named: {message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        // Lambda's own bounds: a name has 64 characters at most, an ARN 140 and its qualifier 128.
        #[test]
        fn it_is_short_and_never_loses_the_invocation(
            id in "[0-9a-f-]{36}",
            arn in "arn:aws:lambda:[a-z0-9:_$-]{1,253}",
            name in "[a-zA-Z0-9-_]{1,64}",
            group in ".{0,512}",
            stream in ".{0,512}",
            tenant in proptest::option::of(".{1,256}"),
            trace in proptest::option::of("[ -~]{0,300}"),
            identity in proptest::option::of("[a-z]{0,600}"),
        ) {
            let message = write(Context {
                aws_request_id: id.clone(),
                invoked_function_arn: arn.clone(),
                function_name: name,
                log_group_name: group,
                log_stream_name: stream,
                tenant_id: tenant,
                xray_trace_id: trace,
                identity: identity.map(|text| raw(&format!("\"{text}\""))),
                ..context()
            });
            prop_assert!(message.len() <= LONGEST, "{} bytes", message.len());
            let read = read(&message);
            prop_assert_eq!(read.aws_request_id, id);
            prop_assert_eq!(read.invoked_function_arn, arn);
        }
    }
}
