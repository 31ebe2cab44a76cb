//! A job's event, its three forms in an order, and the choice of the first one that fits.

use std::{borrow::Cow, fmt};

use super::{
    config::EventTransport,
    task_overrides::{LONGEST, TaskOverrides},
};
use crate::{
    event_gzip::{GzipError, gunzip, gzip},
    order::EventForm,
};

/// The event of a job that is to be started.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum JobEvent {
    /// Its text, byte for byte, for which a form is still to be chosen.
    Text(String),
    /// The form in the previous attempt's order.
    Formed(EventForm),
}

impl JobEvent {
    /// The text; `None` if it is in S3.
    pub(crate) fn text(&self) -> Result<Option<Cow<'_, str>>, GzipError> {
        match self {
            Self::Text(event) => Ok(Some(Cow::Borrowed(event))),
            Self::Formed(form) => form.text(),
        }
    }

    /// The `s3://` address of the object that holds it, where one does.
    #[must_use]
    pub(crate) fn object_uri(&self) -> Option<&str> {
        match self {
            Self::Formed(EventForm::S3(uri)) => Some(uri),
            Self::Formed(EventForm::Inline(_) | EventForm::Gzip(_)) | Self::Text(_) => None,
        }
    }

    /// The bucket and key of that object.
    #[must_use]
    pub(crate) fn object(&self) -> Option<(&str, &str)> {
        self.object_uri()?.strip_prefix("s3://")?.split_once('/')
    }
}

/// Leaves out the event, which is never logged.
impl fmt::Debug for JobEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(event) => write!(f, "Text({} bytes)", event.len()),
            Self::Formed(form) => form.fmt(f),
        }
    }
}

/// A form of an event in an order; later ones have room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventFormKind {
    /// The event itself.
    Inline,
    /// The event, gzipped.
    Gzip,
    /// An address in S3.
    S3,
}

impl EventFormKind {
    /// The next form; `None` after the last.
    #[must_use]
    pub(crate) fn following(self) -> Option<Self> {
        match self {
            Self::Inline => Some(Self::Gzip),
            Self::Gzip => Some(Self::S3),
            Self::S3 => None,
        }
    }
}

/// An error for an event that fits in no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DoesNotFit {
    /// It would have to go through S3, and there is no bucket.
    #[error("the event of {0} bytes doesn't fit into a task's overrides, even gzipped; set IMMORTAL_EVENT_BUCKET")]
    NoBucket(usize),
    /// The order is too long even without the event.
    #[error(
        "the order is {0} bytes long without its event, and a task's overrides hold {LONGEST}; shorten its context"
    )]
    TooLong(usize),
}

/// The first form that fits, from this one on.
pub(crate) fn first_fitting(
    event: &str,
    transport: &EventTransport,
    key: &str,
    from: EventFormKind,
    overrides: impl Fn(&EventForm) -> TaskOverrides,
) -> Result<(EventFormKind, TaskOverrides), DoesNotFit> {
    let bucket = match transport {
        EventTransport::Bucket(bucket) => Some(bucket),
        EventTransport::Inline { bucket } => {
            if from <= EventFormKind::Inline && event.len() <= LONGEST {
                let inline = overrides(&EventForm::Inline(event.to_owned()));
                if inline.fit() {
                    return Ok((EventFormKind::Inline, inline));
                }
            }
            if from <= EventFormKind::Gzip {
                let gzip = overrides(&EventForm::Gzip(gzip(event)));
                if gzip.fit() {
                    return Ok((EventFormKind::Gzip, gzip));
                }
            }
            bucket.as_ref()
        }
    };
    let Some(bucket) = bucket else { return Err(DoesNotFit::NoBucket(event.len())) };
    let pointer = overrides(&EventForm::S3(format!("s3://{bucket}/{key}")));
    if pointer.fit() { Ok((EventFormKind::S3, pointer)) } else { Err(DoesNotFit::TooLong(pointer.length())) }
}

impl EventForm {
    /// The text that it contains; `None` if it is in S3.
    pub(crate) fn text(&self) -> Result<Option<Cow<'_, str>>, GzipError> {
        match self {
            Self::Inline(event) => Ok(Some(Cow::Borrowed(event))),
            Self::Gzip(text) => gunzip(text).map(|event| Some(Cow::Owned(event))),
            Self::S3(_) => Ok(None),
        }
    }

    /// Which form it is.
    #[must_use]
    pub(crate) fn kind(&self) -> EventFormKind {
        match self {
            Self::Inline(_) => EventFormKind::Inline,
            Self::Gzip(_) => EventFormKind::Gzip,
            Self::S3(_) => EventFormKind::S3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{context::Context, order::Order};

    fn down(
        event: &str,
        transport: &EventTransport,
        from: EventFormKind,
    ) -> Result<(EventFormKind, EventForm), DoesNotFit> {
        let context = Context { aws_request_id: "r-1".into(), function_name: "ingest".into(), ..Context::default() };
        let order = Order {
            event: (),
            context,
            handler_path: None,
            attempt: 1,
            interruptions: 0,
            limit: None,
            series: 0,
            source: None,
            failed_at: None,
        };
        let (kind, overrides) = first_fitting(event, transport, "immortal/ingest/r-1", from, |form| {
            TaskOverrides::new("runner", &order, form, None, None)
        })?;
        assert!(overrides.fit());
        let environment = &overrides.container().environment;
        let lookup = |name: &str| environment.iter().find(|one| one.name == name).map(|one| one.value.clone());
        Ok((kind, Order::from_variables(lookup).expect("our own order").event))
    }

    fn noise(length: usize) -> String {
        let mut random = fastrand::Rng::with_seed(7);
        format!("\"{}\"", std::iter::repeat_with(|| random.alphanumeric()).take(length).collect::<String>())
    }

    #[test]
    fn the_first_rung_that_fits() {
        let transport = EventTransport::Inline { bucket: Some("events".into()) };
        let text = format!("\"{}\"", "a".repeat(20_000));
        let table = [
            ("{}".to_owned(), EventFormKind::Inline, EventFormKind::Inline),
            (noise(7_000), EventFormKind::Inline, EventFormKind::Inline),
            (format!("[{}1]", "\"\",".repeat(1_800)), EventFormKind::Inline, EventFormKind::Gzip),
            (text, EventFormKind::Inline, EventFormKind::Gzip),
            (noise(9_000), EventFormKind::Inline, EventFormKind::S3),
            ("{}".to_owned(), EventFormKind::Gzip, EventFormKind::Gzip),
            ("{}".to_owned(), EventFormKind::S3, EventFormKind::S3),
        ];
        for (event, from, expected) in table {
            let (kind, form) = down(&event, &transport, from).expect("it fits");
            assert_eq!((kind, form.kind()), (expected, expected), "{} bytes", event.len());
            match form {
                EventForm::S3(uri) => assert_eq!(uri, "s3://events/immortal/ingest/r-1"),
                form => assert_eq!(form.text().expect("our own").as_deref(), Some(event.as_str())),
            }
        }
    }

    #[test]
    fn without_a_bucket_there_is_no_third_rung() {
        let transport = EventTransport::Inline { bucket: None };
        assert!(
            down(&noise(9_000), &transport, EventFormKind::Inline)
                .is_err_and(|error| error == DoesNotFit::NoBucket(9_002))
        );
        assert!(down("{}", &transport, EventFormKind::Gzip).is_ok());
        assert!(down("{}", &transport, EventFormKind::S3).is_err());
    }

    #[test]
    fn a_bucket_alone_takes_every_event() {
        let (kind, _) = down("{}", &EventTransport::Bucket("events".into()), EventFormKind::Inline).expect("it fits");
        assert_eq!((kind, kind.following()), (EventFormKind::S3, None));
    }
}
