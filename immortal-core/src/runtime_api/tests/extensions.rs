//! The calls of extensions, as graceful-shutdown helpers make them.

use std::{future::poll_fn, task::Poll};

use super::*;
use crate::names::path::{EVENT_NEXT, REGISTER};

#[tokio::test]
async fn graceful_shutdown_helpers_find_their_extension_calls() {
    let api = RuntimeApi::bind().await.expect("loopback");
    api.describe(FunctionNames { name: "ingest".into(), version: "7".into(), handler: "bootstrap".into() });
    let mut stream = connect(&api).await;
    let body = r#"{"events":[]}"#;
    let (head, _) = ask(&mut stream, &post(REGISTER, "", body)).await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
    let named = "Lambda-Extension-Name: helper\r\n";
    let (head, body) = ask(&mut stream, &post(REGISTER, named, body)).await;
    assert!(head.starts_with("http/1.1 200") && head.contains("lambda-extension-identifier: "), "{head}");
    assert_eq!(body, r#"{"functionName":"ingest","functionVersion":"7","handler":"bootstrap"}"#);
    let next = format!("GET {EVENT_NEXT} HTTP/1.1\r\nHost: lambda\r\n");
    let (head, _) = ask(&mut stream, &format!("{next}\r\n")).await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
    send(&mut stream, &format!("{next}Lambda-Extension-Identifier: x\r\n\r\n")).await;
    // It is held: another call on another connection comes and goes meanwhile.
    let mut other = connect(&api).await;
    ask(&mut other, &post("/unknown", "", "")).await;
    let mut byte = [0];
    let silent = poll_fn(|cx| {
        let mut buffer = tokio::io::ReadBuf::new(&mut byte);
        Poll::Ready(stream.poll_peek(cx, &mut buffer).is_pending())
    });
    assert!(silent.await);
}

/// Source: `errAgentRegistrationClosed` in <https://github.com/aws/aws-lambda-runtime-interface-emulator>.
#[tokio::test]
async fn extensions_register_before_the_first_next_only() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let register = post(REGISTER, "Lambda-Extension-Name: helper\r\n", r#"{"events":[]}"#);
    let mut stream = connect(&api).await;
    let (head, _) = ask(&mut stream, &register).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let client = async {
        let (head, body) = {
            ask(&mut stream, GET_NEXT).await;
            ask(&mut stream, &register).await
        };
        assert!(head.starts_with("http/1.1 403") && body.contains("Extension.RegistrationClosed"), "{head} {body}");
        ask(&mut stream, &post_response("r-1", "1")).await;
    };
    // It is refused while the runtime works, and costs the invocation nothing.
    let (answer, ()) = tokio::join!(api.invoke(invocation("r-1")), client);
    assert!(matches!(answer, InvocationAnswer::Response(_)), "{answer:?}");
}
