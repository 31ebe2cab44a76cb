//! S3 through the real client.

use aws_sdk_s3::{error::ProvideErrorMetadata as _, operation::put_object::PutObjectError, primitives::ByteStream};
use bytes::Bytes;
use immortal_emulator::{Fault, FaultKind, FaultedCalls};

use crate::clients::{emulator, s3};

#[tokio::test]
async fn an_object_can_be_read_back() {
    let emulator = emulator().await;
    emulator.create_bucket("events");
    let client = s3(&emulator).await;
    let key = "immortal/ingest/a b+c%20é.json";
    for bytes in [Bytes::from_static(b"{\"a\": 1e2}"), Bytes::from(vec![7; 3 << 20]), Bytes::new()] {
        let body = ByteStream::from(bytes.clone());
        client.put_object().bucket("events").key(key).body(body).send().await.expect("put");
        assert_eq!(emulator.object("events", key), Some(bytes.clone()));
        let got = client.get_object().bucket("events").key(key).send().await.expect("got");
        assert_eq!(got.body.collect().await.expect("all of it").into_bytes(), bytes);
    }
    emulator.put_object("events", "n", "0123456789");
    let part = client.get_object().bucket("events").key("n").range("bytes=2-4").send().await.expect("a part");
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(part.body.collect().await.expect("all of it").into_bytes(), "234");
    client.delete_object().bucket("events").key("n").send().await.expect("deleted");
    assert_eq!(emulator.object("events", "n"), None);
}

#[tokio::test]
async fn missing_objects_and_buckets_have_their_own_errors() {
    let emulator = emulator().await;
    emulator.create_bucket("events");
    let client = s3(&emulator).await;
    let error = client.get_object().bucket("events").key("none").send().await.expect_err("no such key");
    assert_eq!(error.code(), Some("NoSuchKey"));
    let error = client.get_object().bucket("none").key("none").send().await.expect_err("no such bucket");
    assert_eq!(error.code(), Some("NoSuchBucket"));
    let error = client.head_object().bucket("events").key("none").send().await.expect_err("no such key");
    assert!(error.into_service_error().is_not_found());
}

#[tokio::test]
async fn an_object_is_put_only_where_its_condition_holds() {
    let emulator = emulator().await;
    emulator.create_bucket("events");
    let client = s3(&emulator).await;
    let put = |body: &'static [u8]| client.put_object().bucket("events").key("k").body(ByteStream::from_static(body));
    let refused = |error: aws_sdk_s3::error::SdkError<PutObjectError>| {
        let status = error.raw_response().map(|response| response.status().as_u16());
        (status, error.code().map(str::to_owned))
    };
    let error = put(b"1").if_match("\"none\"").send().await.expect_err("nothing to match");
    assert_eq!(refused(error), (Some(404), Some("NoSuchKey".to_owned())));
    let first = put(b"1").if_none_match("*").send().await.expect("new").e_tag.expect("there");
    let error = put(b"2").if_none_match("*").send().await.expect_err("not new");
    assert_eq!(refused(error), (Some(412), Some("PreconditionFailed".to_owned())));
    let head = client.head_object().bucket("events").key("k").send().await.expect("there");
    assert_eq!((head.e_tag(), head.content_length()), (Some(first.as_str()), Some(1)));
    let second = put(b"2").if_match(&first).send().await.expect("unchanged since").e_tag.expect("there");
    let error = put(b"3").if_match(&first).send().await.expect_err("changed since");
    assert_eq!(refused(error), (Some(412), Some("PreconditionFailed".to_owned())));
    assert_eq!(emulator.object("events", "k"), Some(Bytes::from_static(b"2")));
    put(b"3").if_match(second).send().await.expect("unchanged since");
}

#[tokio::test]
async fn of_two_writers_with_the_same_condition_one_succeeds() {
    let emulator = emulator().await;
    emulator.create_bucket("events");
    let client = s3(&emulator).await;
    let put = |body: String| client.put_object().bucket("events").key("k").body(body.into_bytes().into());
    let puts: Vec<_> = (0..8).map(|writer| tokio::spawn(put(writer.to_string()).if_none_match("*").send())).collect();
    let mut written = 0;
    for put in puts {
        written += usize::from(put.await.expect("no panic").is_ok());
    }
    assert_eq!(written, 1);
}

#[tokio::test]
async fn calls_fail_with_each_injected_fault() {
    let emulator = emulator().await;
    emulator.put_object("events", "k", "1");
    let client = s3(&emulator).await;
    let get = || client.get_object().bucket("events").key("k").send();
    for (kind, code) in [
        (FaultKind::Throttle, Some("SlowDown")),
        (FaultKind::Status(500), Some("InternalError")),
        (FaultKind::AccessDenied, Some("AccessDenied")),
        (FaultKind::ResetBefore, None),
    ] {
        emulator.inject(Fault { operation: "GetObject", kind, calls: FaultedCalls::Next(1) });
        assert_eq!(get().await.expect_err("scripted").code(), code);
    }
    get().await.expect("no fault is left");
}
