//! Reads the event from its form in the order, byte for byte.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    error::RunnerError,
    retry::{CallError, call_error, with_retries},
};
use crate::{
    aws::{AwsClients, AwsError, error_chain, s3::ObjectStore},
    event_gzip,
    names::{MAX_EVENT, env},
    order::EventForm,
};

/// Reads the event.
pub(super) async fn read(form: &EventForm, aws: &AwsClients) -> Result<Bytes, RunnerError> {
    let event = match form {
        EventForm::Inline(event) => Bytes::from(event.clone()),
        EventForm::Gzip(event) => gunzip(event)?,
        EventForm::S3(uri) => {
            let (bucket, key) = parse(uri)?;
            fetch(aws, uri, bucket, key).await?
        }
    };
    if serde_json::from_slice::<&RawValue>(&event).is_err() {
        return Err(RunnerError::Permanent("the order's event is not valid JSON".into()));
    }
    Ok(event)
}

fn gunzip(text: &str) -> Result<Bytes, RunnerError> {
    let event = event_gzip::gunzip(text);
    event
        .map(Bytes::from)
        .map_err(|broken| RunnerError::Permanent(format!("the order can't be run: {}", error_chain(&broken))))
}

fn parse(uri: &str) -> Result<(&str, &str), RunnerError> {
    uri.strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
        .ok_or_else(|| {
            RunnerError::Permanent(format!(
                "the order can't be run: {} is {uri:?}, and must be s3://bucket/key",
                env::EVENT_S3
            ))
        })
}

async fn fetch(aws: &AwsClients, uri: &str, bucket: &str, key: &str) -> Result<Bytes, RunnerError> {
    let objects = ObjectStore::new(aws);
    let what = format!("GetObject of {uri}");
    with_retries(&what, || async {
        match objects.get(bucket, key, MAX_EVENT).await {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(CallError::Permanent(RunnerError::Permanent(format!(
                "{uri} holds more than {MAX_EVENT} bytes, which no event of Lambda's does"
            )))),
            Err(error) => Err(refused(error, &what, uri)),
        }
    })
    .await
}

fn refused(error: AwsError, what: &str, uri: &str) -> CallError {
    call_error(error, what, |refusal| match refusal.code.as_str() {
        "NoSuchKey" | "NoSuchBucket" => RunnerError::Permanent(format!(
            "the event is gone: {uri} {refusal}; keep events for longer than the attempts may take, in the lifecycle \
             rule of the bucket"
        )),
        _ => RunnerError::Transient(format!(
            "the event can't be read: {uri} {refusal}; allow the task role s3:GetObject on the bucket's objects; where \
             it may, the object is gone, which S3 says to roles with s3:ListBucket only"
        )),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::*;
    use crate::aws::ServiceError;

    fn gzip(bytes: &[u8]) -> String {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        BASE64_STANDARD.encode(encoder.finish().expect("memory"))
    }

    async fn event(form: EventForm) -> Result<Bytes, RunnerError> {
        read(&form, &AwsClients::at("http://127.0.0.1:1")).await
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
            assert!(matches!(result, Err(RunnerError::Permanent(_))), "{form:?}: {result:?}");
        }
    }

    #[test]
    fn what_s3_answers_decides() {
        let decided = |code: &str, status| {
            let refusal = ServiceError { status, code: code.to_owned(), ..ServiceError::default() };
            refused(AwsError::Refused(refusal), "GetObject", "s3://b/k")
        };
        assert!(matches!(decided("NoSuchKey", 404), CallError::Permanent(RunnerError::Permanent(_))));
        assert!(matches!(decided("NoSuchBucket", 404), CallError::Permanent(RunnerError::Permanent(_))));
        assert!(matches!(decided("AccessDenied", 403), CallError::Permanent(RunnerError::Transient(_))));
        assert!(matches!(decided("SlowDown", 503), CallError::Transient(_)));
        assert!(matches!(decided("InternalError", 500), CallError::Transient(_)));
        assert!(matches!(decided("RequestTimeout", 400), CallError::Transient(_)));
    }
}
