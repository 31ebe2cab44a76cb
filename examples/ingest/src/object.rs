//! Which object the notification names, and how it is read and written.

use std::fmt;

use aws_lambda_events::event::s3::S3Event;
use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use immortal::Error;

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its bucket.
    pub(crate) bucket: String,
    /// Its key, as S3 has it.
    pub(crate) key: String,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl Object {
    /// The one object that the notification names.
    pub(crate) fn named_by(notification: &S3Event) -> Result<Self, Error> {
        let [record] = notification.records.as_slice() else {
            let records = notification.records.len();
            return Err(format!("the notification names {records} objects; S3 names one in each").into());
        };
        let (Some(bucket), Some(key)) = (&record.s3.bucket.name, &record.s3.object.key) else {
            return Err("the notification names no bucket or no key".into());
        };
        let key = decode(key).ok_or_else(|| format!("the notification's key is not URL-encoded UTF-8: {key}"))?;
        Ok(Self { bucket: bucket.clone(), key })
    }

    /// Where the result of this object goes: beside it, under a name that no notification for CSV fits.
    pub(crate) fn result(&self) -> Self {
        let stem = self.key.strip_suffix(".csv").unwrap_or(&self.key);
        Self { bucket: self.bucket.clone(), key: format!("{stem}.risk.json") }
    }

    /// Reads the object.
    pub(crate) async fn get(&self, s3: &Client) -> Result<Vec<u8>, Error> {
        let object = s3.get_object().bucket(&self.bucket).key(&self.key).send().await;
        let body = object.map_err(|error| format!("{self} can't be read: {}", said(&error)))?.body;
        let bytes = body.collect().await.map_err(|error| format!("{self} can't be read to its end: {error}"))?;
        Ok(bytes.to_vec())
    }

    /// Writes the object.
    pub(crate) async fn put(&self, s3: &Client, bytes: Vec<u8>) -> Result<(), Error> {
        let request = s3.put_object().bucket(&self.bucket).key(&self.key).content_type("application/json");
        match request.body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{self} can't be written: {}", said(&error)).into()),
        }
    }
}

/// What S3 said, or why it said nothing.
fn said<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.to_string(),
    }
}

/// Keys in notifications are encoded as in forms: `+` is a space.
fn decode(key: &str) -> Option<String> {
    let mut bytes = key.bytes();
    let mut decoded = Vec::with_capacity(key.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_forms() {
        let table = [
            ("strikes/birdstrikes.csv", Some("strikes/birdstrikes.csv")),
            ("a+b%2Bc%20d.csv", Some("a b+c d.csv")),
            ("%C3%BC.csv", Some("ü.csv")),
            ("100%", None),
            ("%zz", None),
            ("%ff", None),
        ];
        for (key, expected) in table {
            assert_eq!(decode(key).as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn the_shipped_event_names_the_shipped_data() {
        let event: S3Event = serde_json::from_str(include_str!("../event.json")).expect("a notification");
        let object = Object::named_by(&event).expect("one object");
        assert_eq!(object.to_string(), "s3://wildlife/strikes/birdstrikes.csv");
        assert_eq!(object.result().to_string(), "s3://wildlife/strikes/birdstrikes.risk.json");
        let size = i64::try_from(include_bytes!("../data/birdstrikes.csv").len()).expect("a small file");
        assert_eq!(event.records[0].s3.object.size, Some(size));
    }

    #[test]
    fn a_notification_without_an_object_is_an_error() {
        let event: S3Event = serde_json::from_str(r#"{"Records":[]}"#).expect("a notification");
        let error = Object::named_by(&event).expect_err("no object");
        assert_eq!(error.to_string(), "the notification names 0 objects; S3 names one in each");
    }
}
