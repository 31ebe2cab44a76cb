//! Which pictures a notification names, and how they and their thumbnails are read and written.

use std::fmt;

use aws_sdk_s3::{Client, error::DisplayErrorContext};
use immortal::Error;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// A notification, as far as it is read here: without records it is the test event that S3 sends when notifications are set
/// up.
#[derive(Debug, Deserialize)]
pub(crate) struct Notification {
    #[serde(rename = "Records", default)]
    records: Vec<NotificationRecord>,
}

#[derive(Debug, Deserialize)]
struct NotificationRecord {
    s3: NotifiedObject,
}

#[derive(Debug, Deserialize)]
struct NotifiedObject {
    bucket: NotifiedBucket,
    object: ObjectKey,
}

#[derive(Debug, Deserialize)]
struct NotifiedBucket {
    name: String,
}

#[derive(Debug, Deserialize)]
struct ObjectKey {
    key: String,
}

/// What the keys of all thumbnails begin with.
const THUMBNAILS: &str = "thumbnails/";

/// A picture in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    bucket: String,
    /// As S3 has it.
    key: String,
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl Picture {
    /// The pictures that the notification names, without those that are thumbnails themselves: S3 tells of them too, unless
    /// its notification has a prefix.
    pub(crate) fn named_by(notification: Notification) -> Result<Vec<Self>, Error> {
        let pictures = notification.records.into_iter().map(|NotificationRecord { s3 }| {
            let (bucket, key) = (s3.bucket.name, s3.object.key);
            // Keys in notifications are encoded as in forms: `+` is a space.
            let spaced = key.replace('+', " ");
            let key = percent_decode_str(&spaced).decode_utf8().map_err(|error| format!("the key {key:?}: {error}"))?;
            Ok(Self { bucket, key: key.into_owned() })
        });
        let is_thumbnail = |picture: &Self| picture.key.starts_with(THUMBNAILS);
        pictures.filter(|picture| !picture.as_ref().is_ok_and(is_thumbnail)).collect()
    }

    /// Where its thumbnail of this width goes.
    pub(crate) fn thumbnail(&self, width: u32) -> Self {
        let stem = self.key.strip_suffix(".jpg").unwrap_or(&self.key);
        Self { bucket: self.bucket.clone(), key: format!("{THUMBNAILS}{stem}/{width}.jpg") }
    }

    pub(crate) async fn get(&self, s3: &Client) -> Result<Vec<u8>, Error> {
        let object = s3.get_object().bucket(&self.bucket).key(&self.key).send().await;
        let body = object.map_err(|error| format!("{self} can't be read: {}", DisplayErrorContext(error)))?.body;
        let bytes = body.collect().await.map_err(|error| format!("{self} can't be read to its end: {error}"))?;
        Ok(bytes.to_vec())
    }

    pub(crate) async fn put(&self, s3: &Client, jpeg: Vec<u8>) -> Result<(), Error> {
        let put = s3.put_object().bucket(&self.bucket).key(&self.key).content_type("image/jpeg").body(jpeg.into());
        put.send().await.map_err(|error| format!("{self} can't be written: {}", DisplayErrorContext(error)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_forms() {
        let notification = |key: &str| {
            let json = format!(r#"{{"Records":[{{"s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}"}}}}}}]}}"#);
            serde_json::from_str::<Notification>(&json).expect("a notification")
        };
        for (key, expected) in [("a+b%2Bc%20d.jpg", "a b+c d.jpg"), ("%C3%BC.jpg", "ü.jpg"), ("100%", "100%")] {
            let pictures = Picture::named_by(notification(key)).expect(key);
            assert_eq!(pictures, [Picture { bucket: "b".into(), key: expected.into() }]);
        }
        assert!(Picture::named_by(notification("%ff")).is_err());
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
        let test = serde_json::from_str(test).expect("a notification");
        assert_eq!(Picture::named_by(test).expect("no picture"), []);
        let of_thumbnail = Picture::named_by(notification("thumbnails/a/16.jpg")).expect("no picture");
        assert_eq!(of_thumbnail, [], "a thumbnail has no thumbnails");
        let picture = Picture { bucket: "b".into(), key: "2026/a.jpg".into() };
        assert_eq!(picture.thumbnail(16).to_string(), "s3://b/thumbnails/2026/a/16.jpg");
    }
}
