//! What the SDK says of an exchange on loopback, and what is read of it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_ecs::Client;

use super::*;
use crate::aws::{AwsClients, error_chain};

#[test]
fn each_error_has_its_reason_for_another_try() {
    use RetryReason::{NoCapacity, Throttled, Transient};

    let table = [
        (429, "TooManyRequestsException", "", Some(Throttled)),
        (400, "ThrottlingException", "", Some(Throttled)),
        (503, "SlowDown", "", Some(Throttled)),
        (400, "KMS.ThrottlingException", "", Some(Throttled)),
        (400, "KMSThrottling", "", Some(Throttled)),
        (400, "KMSThrottlingException", "", Some(Throttled)),
        (400, "KmsThrottled", "", Some(Throttled)),
        (400, "KMS.DisabledException", "", None),
        (400, "InvalidParameterException", "Error retrieving subnets (RequestLimitExceeded)", Some(Throttled)),
        (400, "InvalidParameterException", "no such subnet", None),
        (500, "ServiceException", "", Some(Transient)),
        (400, "ServerException", "", Some(Transient)),
        (400, "RequestTimeout", "", Some(Transient)),
        (502, "", "", Some(Transient)),
        (400, "ClientException", "Capacity is unavailable at this time.", Some(NoCapacity)),
        (403, "AccessDeniedException", "", None),
        (404, "ResourceNotFoundException", "", None),
        (400, "", "", None),
    ];
    for (status, code, message, expected) in table {
        let refusal = ServiceError { status, code: code.into(), message: message.into(), ..ServiceError::default() };
        assert_eq!(AwsError::Refused(refusal.clone()).retry_reason(), expected, "{refusal:?}");
    }
}

/// A server that answers once with these bytes, and hangs up.
fn server(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let lines = BufReader::new(&stream).lines().map_while(Result::ok);
        assert!(
            lines.take_while(|line| !line.is_empty()).any(|line| line.to_lowercase().starts_with("authorization:"))
        );
        stream.write_all(answer.as_bytes()).expect("it is read");
    });
    format!("http://{address}")
}

/// An answer whose body is so many bytes longer than what is sent of it.
fn answer(status: u16, body: &str, missing: usize) -> String {
    format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n\r\n{body}", body.len() + missing)
}

async fn describe(aws: &AwsClients) -> AwsError {
    Client::new(&aws.config).describe_tasks().tasks("t").send().await.expect_err("an error").into()
}

#[tokio::test]
async fn only_a_whole_answer_is_one_and_none_is_quoted() {
    let refused = ServiceError { status: 400, code: "ThrottlingException".into(), ..ServiceError::default() };
    let signed = ServiceError {
        status: 403,
        code: "InvalidSignatureException".into(),
        message: "No match.".into(),
        ..ServiceError::default()
    };
    let throttled = r#"{"__type":"ThrottlingException"}"#;
    let unsigned = r#"{"__type":"InvalidSignatureException","message":"No match.\n\nsecret"}"#;
    let table = [
        (answer(400, throttled, 0), Some(refused)),
        (answer(400, throttled, 9), None),
        (answer(403, unsigned, 0), Some(signed)),
        (answer(502, "<html>secret</html>", 0), None),
        (answer(200, r#"{"secret":1"#, 9), None),
        (answer(200, r#"{"secret":"#, 0), None),
        (answer(200, r#""secret""#, 0), None),
        ("HTTP/1.1 200 OK\r\n".to_owned(), None),
        (String::new(), None),
    ];
    for (answer, expected) in table {
        let error = describe(&AwsClients::at(&server(answer.clone()))).await;
        match (&error, expected) {
            (AwsError::Refused(refusal), Some(expected)) => assert_eq!(*refusal, expected, "{answer}"),
            (AwsError::Unanswered(_), None) => assert_eq!(error.retry_reason(), Some(RetryReason::Transient)),
            _ => panic!("{answer:?}: {error:?}"),
        }
        assert!(!format!("{} {error:?}", error_chain(&error)).contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn what_was_never_sent_is_no_reason_to_try_again() {
    let aws = AwsClients::at("http://127.0.0.1:1");
    let config =
        aws.config.clone().into_builder().credentials_provider(SharedCredentialsProvider::new(ProviderError)).build();
    let error = describe(&AwsClients { config, ..aws.clone() }).await;
    assert!(matches!(error, AwsError::Unsent(_)), "{error:?}");
    let error = describe(&aws).await;
    assert!(matches!(error, AwsError::Unanswered(_)), "nobody listens: {error:?}");
}

/// A process without a role.
#[derive(Debug)]
struct ProviderError;

impl ProvideCredentials for ProviderError {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no role")))
    }
}
