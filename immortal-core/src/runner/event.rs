//! The event, out of the form in which it travelled, byte for byte.

use std::io::Read as _;

use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    cause::without_urls,
    exit::Obstacle,
    retry::{Refused, is_passing, patiently},
};
use crate::{names::env, order::EventForm};

/// The size of the largest event that Lambda takes, and room for what is around it.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>, 6 MB for a synchronous payload.
const MAX_EVENT: u64 = 8 * 1024 * 1024;

/// Reads the event; `client` makes the S3 client, which most events don't need.
pub(super) async fn read<F>(form: &EventForm, client: impl FnOnce() -> F) -> Result<Bytes, Obstacle>
where
    F: Future<Output = aws_sdk_s3::Client>,
{
    let event = match form {
        EventForm::Inline(event) => Bytes::from(event.clone()),
        EventForm::Gzip(event) => gunzip(event)?,
        EventForm::S3(uri) => {
            let (bucket, key) = parse(uri)?;
            fetch(&client().await, uri, bucket, key).await?
        }
    };
    if serde_json::from_slice::<&RawValue>(&event).is_err() {
        return Err(Obstacle::Never("the order's event is no JSON".into()));
    }
    Ok(event)
}

fn gunzip(text: &str) -> Result<Bytes, Obstacle> {
    let malformed = |why: String| Obstacle::Never(format!("the order can't be run: {} {why}", env::EVENT_GZIP));
    let zipped = BASE64_STANDARD.decode(text).map_err(|error| malformed(format!("is no base64: {error}")))?;
    let mut event = Vec::new();
    flate2::read::MultiGzDecoder::new(zipped.as_slice())
        .take(MAX_EVENT + 1)
        .read_to_end(&mut event)
        .map_err(|error| malformed(format!("is no gzip: {error}")))?;
    if event.len() as u64 > MAX_EVENT {
        return Err(malformed(format!("holds more than {MAX_EVENT} bytes, which no event of Lambda's does")));
    }
    Ok(event.into())
}

fn parse(uri: &str) -> Result<(&str, &str), Obstacle> {
    uri.strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
        .ok_or_else(|| {
            Obstacle::Never(format!(
                "the order can't be run: {} is {uri:?}, and must be s3://bucket/key",
                env::EVENT_S3
            ))
        })
}

async fn fetch(client: &aws_sdk_s3::Client, uri: &str, bucket: &str, key: &str) -> Result<Bytes, Obstacle> {
    patiently(&format!("GetObject of {uri}"), || async {
        let object = client.get_object().bucket(bucket).key(key).send().await.map_err(|error| refused(&error, uri))?;
        let mut body = object.body;
        let mut event = Vec::new();
        while let Some(part) = body.next().await {
            let part = part.map_err(|error| Refused::Again(without_urls(&error)))?;
            if (event.len() + part.len()) as u64 > MAX_EVENT {
                return Err(Refused::For(Obstacle::Never(format!(
                    "{uri} holds more than {MAX_EVENT} bytes, which no event of Lambda's does"
                ))));
            }
            event.extend_from_slice(&part);
        }
        Ok(Bytes::from(event))
    })
    .await
}

fn refused<E>(error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>, uri: &str) -> Refused
where
    SdkError<E, aws_sdk_s3::config::http::HttpResponse>: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error,
{
    if let SdkError::ResponseError(_) = error {
        return Refused::Again(without_urls(error));
    }
    let Some(status) = error.raw_response().map(|response| response.status().as_u16()) else {
        return Refused::Again(without_urls(error));
    };
    decide(error.code(), error.message(), status, uri)
}

fn decide(code: Option<&str>, message: Option<&str>, status: u16, uri: &str) -> Refused {
    let said = format!("{} {}", code.unwrap_or("an error without a code"), message.unwrap_or_default());
    match code {
        _ if is_passing(code, Some(status)) => Refused::Again(said),
        Some("NoSuchKey" | "NoSuchBucket") => Refused::For(Obstacle::Never(format!(
            "the event is gone: {uri} {said}; keep events for longer than the attempts may take, \
             in the lifecycle rule of the bucket"
        ))),
        _ => Refused::For(Obstacle::NotNow(format!(
            "the event can't be had: {uri} {said}; allow the task role s3:GetObject on the bucket's objects; where it \
             may, the object is gone, which S3 says to roles with s3:ListBucket only"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> String {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        BASE64_STANDARD.encode(encoder.finish().expect("memory"))
    }

    async fn event(form: EventForm) -> Result<Bytes, Obstacle> {
        read(&form, || async { unreachable!("no S3 here") }).await
    }

    #[tokio::test]
    async fn comes_out_byte_for_byte() {
        let text = "{ \"n\": 1.0, \"ä\": [] }";
        assert_eq!(event(EventForm::Inline(text.into())).await.expect("inline"), text);
        assert_eq!(event(EventForm::Gzip(gzip(text.as_bytes()))).await.expect("gzip"), text);
    }

    #[tokio::test]
    async fn what_can_never_be_an_event_is_refused_for_good() {
        let bomb = vec![b' '; 9 * 1024 * 1024];
        for form in [
            EventForm::Gzip("%".into()),
            EventForm::Gzip(BASE64_STANDARD.encode("no gzip")),
            EventForm::Gzip(gzip(b"{")),
            EventForm::Gzip(gzip(&bomb)),
            EventForm::S3("https://bucket/key".into()),
            EventForm::S3("s3://bucket".into()),
            EventForm::S3("s3:///key".into()),
        ] {
            let result = event(form.clone()).await;
            assert!(matches!(result, Err(Obstacle::Never(_))), "{form:?}: {result:?}");
        }
    }

    #[test]
    fn what_s3_answers_decides() {
        let decided = |code, status| decide(Some(code), None, status, "s3://b/k");
        assert!(matches!(decided("NoSuchKey", 404), Refused::For(Obstacle::Never(_))));
        assert!(matches!(decided("NoSuchBucket", 404), Refused::For(Obstacle::Never(_))));
        assert!(matches!(decided("AccessDenied", 403), Refused::For(Obstacle::NotNow(_))));
        assert!(matches!(decided("SlowDown", 503), Refused::Again(_)));
        assert!(matches!(decided("InternalError", 500), Refused::Again(_)));
    }
}
