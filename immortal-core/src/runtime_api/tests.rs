//! The server against raw sockets: what goes over the wire, to the byte.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

mod extensions;

async fn connect(api: &RuntimeApi) -> TcpStream {
    TcpStream::connect(api.address()).await.expect("the server listens")
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("the server reads");
}

/// Reads one response with a content length.
async fn receive(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).expect("ASCII").to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.expect("a length").parse().expect("a number");
            if bytes.len() >= at + 4 + length {
                let body = String::from_utf8(bytes[at + 4..at + 4 + length].to_vec()).expect("UTF-8");
                return (head, body);
            }
        }
        let read = stream.read_buf(&mut bytes).await.expect("the server writes");
        assert_ne!(read, 0, "the server closed the connection after {:?}", String::from_utf8_lossy(&bytes));
    }
}

async fn ask(stream: &mut TcpStream, text: &str) -> (String, String) {
    send(stream, text).await;
    receive(stream).await
}

const GET_NEXT: &str = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: lambda\r\n\r\n";

fn post(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: lambda\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn post_response(request_id: &str, body: &str) -> String {
    post(&format!("/2018-06-01/runtime/invocation/{request_id}/response"), "", body)
}

fn invocation(request_id: &str) -> Invocation {
    Invocation {
        request_id: request_id.into(),
        event: Bytes::from_static(b"{ \"n\": 1.0 }"),
        deadline_ms: 1_900_000_000_000,
        function_arn: "arn:aws:lambda:eu-west-1:1:function:ingest".into(),
        trace_id: Some("Root=1-5bef4de7".into()),
        tenant_id: Some("acme".into()),
        client_context: Some("{\"custom\":\"é\"}".into()),
        cognito_identity: None,
    }
}

#[tokio::test]
async fn hands_out_once_takes_the_answer_and_holds_the_second_next() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let client = async {
        let mut stream = connect(&api).await;
        let (head, body) = ask(&mut stream, GET_NEXT).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert_eq!(body, "{ \"n\": 1.0 }", "byte for byte");
        for line in [
            "lambda-runtime-aws-request-id: r-1",
            "lambda-runtime-deadline-ms: 1900000000000",
            "lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:1:function:ingest",
            "lambda-runtime-trace-id: root=1-5bef4de7",
            "lambda-runtime-aws-tenant-id: acme",
            "lambda-runtime-client-context: {\"custom\":\"\\u00e9\"}",
            "lambda-runtime-invocation-id: ",
            "content-type: application/json",
        ] {
            assert!(head.contains(line), "{line} is missing in {head}");
        }
        let mut second = connect(&api).await;
        send(&mut second, GET_NEXT).await;
        let (head, body) = ask(&mut stream, &post_response("r-1", "\"done\"")).await;
        assert!(head.starts_with("http/1.1 202"), "{head}");
        assert_eq!(body, r#"{"status":"OK"}"#);
        second
    };
    let (answer, mut second) = tokio::join!(api.invoke(invocation("r-1")), client);
    let InvocationAnswer::Response(body) = answer else { panic!("{answer:?}") };
    assert_eq!((&*body.bytes, body.length), (b"\"done\"".as_slice(), 6));
    // The second connection, held since before the answer, gets the next invocation.
    let next = async {
        let (head, _) = receive(&mut second).await;
        assert!(head.contains("lambda-runtime-aws-request-id: r-2"), "{head}");
        ask(&mut second, &post_response("r-2", "2")).await
    };
    let (answer, _) = tokio::join!(api.invoke(invocation("r-2")), next);
    assert!(matches!(answer, InvocationAnswer::Response(_)), "{answer:?}");
}

#[tokio::test]
async fn refuses_what_lambda_refuses() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let client = async {
        let mut stream = connect(&api).await;
        ask(&mut stream, GET_NEXT).await;
        let expect = async |stream: &mut TcpStream, request: &str, status: &str, error_type: &str| {
            let (head, body) = ask(stream, request).await;
            assert!(head.starts_with(&format!("http/1.1 {status}")), "{request}: {head}");
            assert!(body.contains(error_type), "{request}: {body}");
        };
        expect(&mut stream, &post_response("other", "1"), "400", "InvalidRequestID").await;
        let stale = "Lambda-Runtime-Invocation-Id: other\r\n";
        let path = "/2018-06-01/runtime/invocation/r-1/error";
        expect(&mut stream, &post(path, stale, "{}"), "410", "InvalidInvocationID").await;
        expect(&mut stream, &post("/2018-06-01/runtime/other", "", ""), "404", "").await;
        expect(&mut stream, &GET_NEXT.replace("next", "other"), "404", "").await;
        expect(&mut stream, &GET_NEXT.replace("GET", "PUT"), "404", "").await;
        let kind = "Lambda-Runtime-Function-Error-Type: unhandled\r\n";
        expect(&mut stream, &post(path, kind, r#"{"errorMessage":"no"}"#), "202", "OK").await;
        expect(&mut stream, &post_response("r-1", "1"), "403", "InvalidStateTransition").await;
    };
    let (answer, ()) = tokio::join!(api.invoke(invocation("r-1")), client);
    let InvocationAnswer::Error(failure) = answer else { panic!("{answer:?}") };
    assert_eq!(failure.error_type.as_deref(), Some("unhandled"));
    assert_eq!(failure.body, r#"{"errorMessage":"no"}"#);
}

#[tokio::test]
async fn a_connection_that_drops_before_it_had_the_invocation_loses_nothing() {
    let api = RuntimeApi::bind().await.expect("loopback");
    for round in 0..50 {
        let mut gone = connect(&api).await;
        send(&mut gone, GET_NEXT).await;
        assert!(matches!(api.ready().await, RuntimeStart::Waiting));
        drop(gone);
        let id = format!("r-{round}");
        let client = async {
            let mut stream = connect(&api).await;
            let (head, _) = ask(&mut stream, GET_NEXT).await;
            assert!(head.contains(&id), "{head}");
            ask(&mut stream, &post_response(&id, "1")).await;
        };
        tokio::join!(api.invoke(invocation(&id)), client);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let client = async {
        let mut stream = connect(&api).await;
        ask(&mut stream, GET_NEXT).await;
        let whole = post_response("r-1", "\"whole\"");
        let mut broken = connect(&api).await;
        send(&mut broken, &whole[..whole.len() - 2]).await;
        drop(broken);
        let (head, _) = ask(&mut stream, &whole).await;
        assert!(head.starts_with("http/1.1 202"), "{head}");
    };
    let (answer, ()) = tokio::join!(api.invoke(invocation("r-1")), client);
    assert!(matches!(&answer, InvocationAnswer::Response(body) if body.bytes == "\"whole\""), "{answer:?}");
}

/// Waits until the server has seen that a connection it was to close is closed.
async fn until_closed(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn what_was_written_is_never_handed_out_again_whatever_becomes_of_its_connection() {
    let path = |kind: &str| format!("/2018-06-01/runtime/invocation/r-1/{kind}");
    let broken = |path: &str| post(path, "", "0123456789").replace("123456789", "");
    let many = "X-Header: x\r\n".repeat(200);
    let table = [
        ("a response that breaks off", broken(&path("response"))),
        ("an error that breaks off", broken(&path("error"))),
        ("an init error that breaks off", broken("/2018-06-01/runtime/init/error")),
        ("a head that breaks off", post(&path("error"), "", "")[..40].to_owned()),
        ("an error whose headers get a 431", post(&path("error"), &many, "{}")),
        ("an error that is no HTTP", "POST\r\n\r\n".to_owned()),
    ];
    let ways = [("shut", false), ("reset", true)];
    for ((case, request), (way, reset)) in table.iter().flat_map(|case| ways.map(|way| (case, way))) {
        let case = format!("{case}, {way}");
        let api = RuntimeApi::bind().await.expect("loopback");
        let client = async {
            let mut stream = connect(&api).await;
            ask(&mut stream, GET_NEXT).await;
            send(&mut stream, request).await;
            if reset {
                stream.set_zero_linger().expect("it is open");
            } else {
                stream.shutdown().await.expect("it is open");
                until_closed(&mut stream).await;
            }
            drop(stream);
            let mut next = connect(&api).await;
            send(&mut next, GET_NEXT).await;
            next
        };
        let (answer, mut next) = tokio::join!(api.invoke(invocation("r-1")), client);
        assert!(matches!(answer, InvocationAnswer::Missing(_)), "{case}: {answer:?}");
        let take = async {
            let (head, _) = receive(&mut next).await;
            assert!(head.contains("r-2"), "{case}: {head}");
            ask(&mut next, &post_response("r-2", "2")).await;
        };
        tokio::join!(api.invoke(invocation("r-2")), take);
    }
}

#[tokio::test]
async fn what_was_not_written_whole_is_handed_out_again() {
    let api = RuntimeApi::bind().await.expect("loopback");
    // More than the buffers of both sockets hold, so that it can't be written to a client that doesn't read.
    let event = Bytes::from(vec![b' '; 32 * 1024 * 1024]);
    let client = async {
        let mut gone = connect(&api).await;
        send(&mut gone, GET_NEXT).await;
        gone.readable().await.expect("it is handed out");
        drop(gone);
        let mut stream = connect(&api).await;
        let (head, body) = ask(&mut stream, GET_NEXT).await;
        assert!(head.contains("r-1"), "{head}");
        assert_eq!(body.len(), event.len());
        ask(&mut stream, &post_response("r-1", "1")).await;
    };
    let large = Invocation { event: event.clone(), ..invocation("r-1") };
    let (answer, ()) = tokio::join!(api.invoke(large), client);
    assert!(matches!(answer, InvocationAnswer::Response(_)), "{answer:?}");
}

#[tokio::test]
async fn a_held_request_that_is_given_up_costs_no_answer() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let client = async {
        let mut stream = connect(&api).await;
        ask(&mut stream, GET_NEXT).await;
        let mut held = connect(&api).await;
        send(&mut held, &format!("GET {} HTTP/1.1\r\n", crate::names::path::EVENT_NEXT)).await;
        send(&mut held, "Host: x\r\nLambda-Extension-Identifier: x\r\n\r\n").await;
        held.shutdown().await.expect("it is open");
        until_closed(&mut held).await;
        let mut second = connect(&api).await;
        send(&mut second, GET_NEXT).await;
        assert!(matches!(api.ready().await, RuntimeStart::Waiting));
        ask(&mut stream, &post_response("r-1", "1")).await;
    };
    let (answer, ()) = tokio::join!(api.invoke(invocation("r-1")), client);
    assert!(matches!(answer, InvocationAnswer::Response(_)), "{answer:?}");
}

#[tokio::test]
async fn a_forgotten_invocation_takes_no_late_answer() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let mut stream = connect(&api).await;
    send(&mut stream, GET_NEXT).await;
    let mut invoke = Box::pin(api.invoke(invocation("r-1")));
    let taken = async { receive(&mut stream).await };
    tokio::select! {
        answer = &mut invoke => panic!("{answer:?}"),
        (head, _) = taken => assert!(head.contains("r-1"), "{head}"),
    }
    drop(invoke);
    let (head, _) = ask(&mut stream, &post_response("r-1", "1")).await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
}

#[tokio::test]
async fn an_init_error_ends_the_start_or_stands_for_the_answer() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let report = post("/2018-06-01/runtime/init/error", "Lambda-Runtime-Function-Error-Type: Runtime.Bad\r\n", "{}");
    let mut stream = connect(&api).await;
    ask(&mut stream, &report).await;
    assert!(matches!(api.ready().await, RuntimeStart::InitError(failure) if failure.body == "{}"));
    let (answer, (head, _)) = tokio::join!(api.invoke(invocation("r-1")), ask(&mut stream, &report));
    assert!(matches!(answer, InvocationAnswer::InitError(_)), "{answer:?}");
    assert!(head.starts_with("http/1.1 202"), "{head}");
}

#[tokio::test]
async fn takes_streamed_responses_and_knows_when_one_broke_off() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let request = |trailers: &str| {
        format!(
            "POST /2018-06-01/runtime/invocation/r-1/response HTTP/1.1\r\nHost: lambda\r\n\
             Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\
             Trailer: Lambda-Runtime-Function-Error-Type\r\nTrailer: Lambda-Runtime-Function-Error-Body\r\n\r\n\
             5\r\nhello\r\n6\r\n world\r\n0\r\n{trailers}\r\n"
        )
    };
    for (trailers, error_type) in [
        ("", None),
        ("Lambda-Runtime-Function-Error-Type: Broken\r\nLambda-Runtime-Function-Error-Body: e30=\r\n", Some("Broken")),
    ] {
        let client = async {
            let mut stream = connect(&api).await;
            ask(&mut stream, GET_NEXT).await;
            ask(&mut stream, &request(trailers)).await
        };
        let (answer, (head, _)) = tokio::join!(api.invoke(invocation("r-1")), client);
        assert!(head.starts_with("http/1.1 202"), "{head}");
        match (answer, error_type) {
            (InvocationAnswer::Response(body), None) => assert_eq!(body.bytes, "hello world"),
            (InvocationAnswer::Error(failure), Some(_)) => {
                assert_eq!((failure.error_type.as_deref(), &*failure.body), (error_type, b"{}".as_slice()));
            }
            (answer, _) => panic!("{answer:?}"),
        }
    }
}

#[tokio::test]
async fn serves_six_megabytes_and_refuses_more() {
    let api = RuntimeApi::bind().await.expect("loopback");
    for (size, status) in [(answer::MAX_RESPONSE, "202"), (answer::MAX_RESPONSE + 1, "413")] {
        let client = async {
            let mut stream = connect(&api).await;
            ask(&mut stream, GET_NEXT).await;
            let (head, _) = ask(&mut stream, &post_response("r-1", &"x".repeat(size))).await;
            assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
        };
        let (answer, ()) = tokio::join!(api.invoke(invocation("r-1")), client);
        assert_eq!(matches!(answer, InvocationAnswer::Response(_)), status == "202", "{answer:?}");
    }
}

#[tokio::test]
async fn dropping_it_closes_everything() {
    let api = RuntimeApi::bind().await.expect("loopback");
    let mut stream = connect(&api).await;
    send(&mut stream, GET_NEXT).await;
    assert!(matches!(api.ready().await, RuntimeStart::Waiting));
    let address = api.address();
    drop(api);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
