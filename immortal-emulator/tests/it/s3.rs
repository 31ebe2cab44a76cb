//! S3 through the real client.

use aws_sdk_s3::{error::ProvideErrorMetadata as _, primitives::ByteStream};
use bytes::Bytes;
use immortal_emulator::{Calls, Fault, How};

use crate::clients::{emulator, s3};

#[tokio::test]
async fn what_is_put_is_got() {
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
async fn what_is_not_there_is_named() {
    let emulator = emulator().await;
    emulator.create_bucket("events");
    let client = s3(&emulator).await;
    let error = client.get_object().bucket("events").key("none").send().await.expect_err("no such key");
    assert_eq!(error.code(), Some("NoSuchKey"));
    let error = client.get_object().bucket("none").key("none").send().await.expect_err("no such bucket");
    assert_eq!(error.code(), Some("NoSuchBucket"));
    let put = || client.put_object().bucket("events").key("k").body(ByteStream::from_static(b"1"));
    put().if_none_match("*").send().await.expect("new");
    let error = put().if_none_match("*").send().await.expect_err("not new");
    assert_eq!(error.code(), Some("PreconditionFailed"));
}

#[tokio::test]
async fn it_fails_when_told_to() {
    let emulator = emulator().await;
    emulator.put_object("events", "k", "1");
    let client = s3(&emulator).await;
    let get = || client.get_object().bucket("events").key("k").send();
    for (how, code) in [
        (How::Throttle, Some("SlowDown")),
        (How::Status(500), Some("InternalError")),
        (How::AccessDenied, Some("AccessDenied")),
        (How::ResetBefore, None),
    ] {
        emulator.inject(Fault { operation: "GetObject", how, calls: Calls::Next(1) });
        assert_eq!(get().await.expect_err("scripted").code(), code);
    }
    get().await.expect("no fault is left");
}
