//! What is sent, against what AWS's own clients send, and against signatures that botocore made.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    },
    shared::IntoShared as _,
};
use http_body_util::BodyExt as _;

use super::*;

/// A request as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) body: String,
    /// What the service reads, and what the signature is for: a region and a service.
    pub(crate) headers: BTreeMap<String, String>,
}

/// What of a request's headers is compared: the rest names who asks, and when.
fn compared<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    const COMPARED: [&str; 4] = ["authorization", "content-type", "x-amz-content-sha256", "x-amz-target"];
    let scope = |value: &str| {
        let scope = value.split("Credential=").nth(1).and_then(|rest| rest.split(',').next());
        scope.map(|scope| scope.split('/').skip(2).collect::<Vec<_>>().join("/")).unwrap_or_default()
    };
    let shown = |name: &str, value: &str| if name == "authorization" { scope(value) } else { value.to_owned() };
    headers
        .filter(|(name, _)| COMPARED.contains(name))
        .map(|(name, value)| (name.to_owned(), shown(name, value)))
        .collect()
}

/// Where a client believes to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) region: &'static str,
    pub(crate) fips: bool,
    pub(crate) dual_stack: bool,
}

/// Keys in which all is that a path may have.
pub(crate) const KEYS: [&str; 4] = ["immortal/ingest/r-1", "immortal/ingest/a b", "a+b/ä%20~!()*'", "./a//b/../c"];

pub(crate) const HERE: Place = Place { region: "eu-central-1", fips: false, dual_stack: false };

fn credentials() -> Credentials {
    Credentials::new(
        "AKIDEXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        Some("session/token+==".into()),
        None,
        "",
    )
}

/// What we send.
pub(crate) async fn ours(request: &Request, place: Place) -> Sent {
    let endpoints = Endpoints::read(|name| match name {
        "AWS_REGION" => Some(place.region.to_owned()),
        "AWS_USE_FIPS_ENDPOINT" => Some(place.fips.to_string()),
        "AWS_USE_DUALSTACK_ENDPOINT" => Some(place.dual_stack.to_string()),
        _ => None,
    });
    let (head, body) =
        signed(request, &endpoints, credentials(), SystemTime::now()).expect("it is complete").into_parts();
    let body = body.collect().await.expect("memory").to_bytes();
    Sent {
        method: head.method.to_string(),
        url: head.uri.to_string(),
        body: String::from_utf8(body.to_vec()).expect("text"),
        headers: compared(head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text")))),
    }
}

/// Catches one request, and answers it with this.
#[derive(Clone, Debug)]
struct Catcher(Arc<Mutex<Option<HttpRequest>>>, &'static str);

impl HttpConnector for Catcher {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().expect("a status"), self.1.into())))
    }
}

/// What one of AWS's own clients sends.
pub(crate) async fn theirs<F: Future>(place: Place, call: impl FnOnce(SdkConfig) -> F) -> Sent {
    exchange(place, "{}", call).await.0
}

/// What one of AWS's own clients reads.
pub(crate) async fn read_by_theirs<F: Future>(answer: &'static str, call: impl FnOnce(SdkConfig) -> F) -> F::Output {
    exchange(HERE, answer, call).await.1
}

async fn exchange<F: Future>(
    place: Place,
    answer: &'static str,
    call: impl FnOnce(SdkConfig) -> F,
) -> (Sent, F::Output) {
    let catcher = Catcher(Arc::default(), answer);
    let caught = catcher.clone();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(place.region))
        .use_fips(place.fips)
        .use_dual_stack(place.dual_stack)
        .credentials_provider(SharedCredentialsProvider::new(credentials()))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| -> SharedHttpConnector { catcher.clone().into_shared() }))
        .build();
    let output = call(config).await;
    let request = caught
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
        .unwrap_or_else(|| panic!("{place:?}: it made no request"));
    // S3's clients name the operation too, for its logs.
    let url = request.uri().to_owned();
    let url = url.split_once("?x-id=").map_or(url.as_str(), |(url, _)| url);
    let sent = Sent {
        method: request.method().to_owned(),
        url: url.to_owned(),
        body: String::from_utf8(request.body().bytes().expect("memory").to_vec()).expect("text"),
        headers: compared(request.headers().iter()),
    };
    (sent, output)
}

fn get(bucket: &str, key: &str) -> Request {
    s3::object(Method::GET, bucket, key, Vec::new(), Bytes::new())
}

/// Signed by botocore 1.43.11 with these credentials, at 2026-11-26 04:43:32 UTC, for eu-central-1.
#[test]
fn signatures_are_those_of_another_client() {
    const SIGNED: [(&str, &str); 4] = [
        (
            "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            "e4625d5ea46e942dc9074bb09182101d6473be5aa95c0d5822a79f97bc2e817f",
        ),
        ("host;x-amz-date;x-amz-security-token", "1b9ceab341d5ed789f008f6d5a06f72c600ebb374dcdcb552ebaffc5602163e9"),
        (
            "content-type;host;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date;x-amz-security-token",
            "d2454f4a777674e9c1b2c2dcaf5316b17ed9799b801169a349cb0818f6c8a122",
        ),
        (
            "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
            "ffebe01bb83c7727c9aa8c5c5c39b7a84aa47dee2a5553488aeb873858d65bd9",
        ),
    ];
    let lambda = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aingest?Qualifier=%24LATEST";
    let target = "AmazonEC2ContainerServiceV20141113.DescribeTasks".to_owned();
    let plain = |service, method, path: &str, headers, body: &'static str| Request {
        service,
        method,
        bucket: None,
        path: path.to_owned(),
        headers,
        body: Bytes::from_static(body.as_bytes()),
    };
    let content_type = (hyper::header::CONTENT_TYPE, "application/x-amz-json-1.1".to_owned());
    let requests = [
        plain(
            Service::Ecs,
            Method::POST,
            "/",
            vec![content_type, (HeaderName::from_static("x-amz-target"), target)],
            r#"{"cluster":"default","tasks":["t"]}"#,
        ),
        plain(Service::Lambda, Method::GET, lambda, vec![], ""),
        s3::object(
            Method::PUT,
            "events",
            "immortal/ingest/a b$",
            vec![
                (hyper::header::CONTENT_TYPE, "application/json".to_owned()),
                (
                    HeaderName::from_static("x-amz-checksum-sha256"),
                    "K/0U9D0X/HzqJOCReoh5tLL4gLi67sG52Q+6rWVecb0=".to_owned(),
                ),
            ],
            Bytes::from_static(br#"{"n":1}"#),
        ),
        get("my.events", "immortal/ingest/r-1"),
    ];
    let endpoints = Endpoints::read(|name| (name == "AWS_REGION").then(|| "eu-central-1".to_owned()));
    let at = UNIX_EPOCH + Duration::from_secs(1_795_668_212);
    for (request, (headers, signature)) in requests.iter().zip(SIGNED) {
        let signed = signed(request, &endpoints, credentials(), at).expect("it is complete");
        let scope = format!("20261126/eu-central-1/{}/aws4_request", request.service.name());
        let expected =
            format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={headers}, Signature={signature}");
        assert_eq!(signed.headers()["authorization"], expected, "{}", request.path);
    }
}

/// Every partition, whatever its kind of endpoint.
#[tokio::test]
async fn endpoints_are_those_of_the_generated_clients() {
    const REGIONS: [&str; 12] = [
        "us-east-1",
        "eu-central-1",
        "il-central-1",
        "mx-central-1",
        "cn-north-1",
        "us-gov-west-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "eu-isoe-west-1",
        "us-isof-south-1",
        "eusc-de-east-1",
        "xx-new-1",
    ];
    for region in REGIONS {
        for (fips, dual_stack) in [(false, false), (true, false), (false, true), (true, true)] {
            let place = Place { region, fips, dual_stack };
            for bucket in ["events-1", "my.events", "e_1"] {
                if fips && region == "cn-north-1" {
                    // There is no such S3, and its client says so before it asks.
                    continue;
                }
                let request = get(bucket, "k");
                let asked = theirs(place, async |config| {
                    aws_sdk_s3::Client::new(&config).get_object().bucket(bucket).key("k").send().await
                });
                assert_eq!(ours(&request, place).await.url, asked.await.url, "{place:?} {bucket}");
            }
            let request = |service| Request {
                service,
                method: Method::GET,
                bucket: None,
                path: "/".to_owned(),
                headers: vec![],
                body: Bytes::new(),
            };
            let asked =
                theirs(place, async |config| aws_sdk_ecs::Client::new(&config).list_clusters().send().await).await;
            assert_eq!(ours(&request(Service::Ecs), place).await.url, asked.url, "{place:?}");
            let asked = theirs(place, async |config| {
                aws_sdk_lambda::Client::new(&config).list_tags().resource("r").send().await
            });
            let asked = asked.await.url.replace("/2017-03-31/tags/r", "/");
            assert_eq!(ours(&request(Service::Lambda), place).await.url, asked, "{place:?}");
        }
    }
}

#[test]
fn an_endpoint_that_is_set_by_hand_comes_first() {
    let lookup = |name: &str| {
        let value = match name {
            "AWS_ENDPOINT_URL" => "http://127.0.0.1:1/",
            "AWS_ENDPOINT_URL_S3" => "http://127.0.0.1:2",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let endpoints = Endpoints::read(lookup);
    let url = |request: &Request| endpoints.url(request).expect("no region is needed");
    assert_eq!(url(&get("events", "a/b")), "http://127.0.0.1:2/events/a/b");
    let ecs = Request { service: Service::Ecs, bucket: None, ..get("", "") };
    assert_eq!(url(&ecs), "http://127.0.0.1:1/");
    let ignoring = Endpoints::read(|name| match name {
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" => Some("true".to_owned()),
        "AWS_DEFAULT_REGION" => Some("eu-central-1".to_owned()),
        name => lookup(name),
    });
    assert_eq!(ignoring.url(&ecs), Ok("https://ecs.eu-central-1.amazonaws.com/".to_owned()));
    assert!(matches!(Endpoints::default().url(&ecs), Err(Trouble::Unsent(why)) if why.contains("AWS_REGION")));
}

/// A server that answers once with these bytes, and hangs up.
fn server(answer: &'static str) -> String {
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

#[tokio::test]
async fn only_a_whole_answer_is_one_and_none_is_quoted() {
    let refused = Refused { status: 400, code: "ThrottlingException".into(), ..Refused::default() };
    let table = [
        ("HTTP/1.1 400 Bad\r\ncontent-length: 32\r\n\r\n{\"__type\":\"ThrottlingException\"}\n", Some(refused)),
        ("HTTP/1.1 400 Bad\r\ncontent-length: 99\r\n\r\n{\"__type\":\"ThrottlingException\"}\n", None),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"secret\":1", None),
        ("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"secret\":1}", None),
        ("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n\"secret\"", None),
        ("HTTP/1.1 200 OK\r\n", None),
        ("", None),
    ];
    for (answer, expected) in table {
        let endpoint = server(answer);
        let aws = Aws::new(http_client().expect("HTTPS"), |name| match name {
            "AWS_REGION" => Some("eu-central-1".to_owned()),
            "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("x".to_owned()),
            _ => None,
        });
        let trouble = aws.json::<Vec<u8>>(&get("b", "k")).await.expect_err(answer);
        match (&trouble, expected) {
            (Trouble::Refused(refused), Some(expected)) => assert_eq!(*refused, expected),
            (Trouble::Unanswered(why), None) => assert!(!why.contains("secret"), "{why}"),
            _ => panic!("{answer:?}: {trouble:?}"),
        }
    }
}
