//! The three forms in which an event travels: the first that fits, from the rung on which the service left us.

use super::{
    config::Transport,
    overrides::{LONGEST, Overrides},
};
use crate::{
    event_gzip::{GzipError, gunzip, gzip},
    order::EventForm,
};

/// A rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// The event itself.
    Inline,
    /// The event, gzipped.
    Gzip,
    /// A place in S3.
    S3,
}

impl Rung {
    /// The rung below; `None` at the bottom.
    #[must_use]
    pub fn below(self) -> Option<Self> {
        match self {
            Self::Inline => Some(Self::Gzip),
            Self::Gzip => Some(Self::S3),
            Self::S3 => None,
        }
    }
}

/// An event for which there is no rung.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRung {
    /// It would have to go through S3, and there is no bucket.
    #[error("the event of {0} bytes doesn't fit into a task's overrides, gzipped neither; set IMMORTAL_EVENT_BUCKET")]
    NoBucket(usize),
    /// The order is too long even without the event.
    #[error(
        "the order is {0} bytes long without its event, and a task's overrides hold {LONGEST}; shorten its context"
    )]
    TooLong(usize),
}

/// The first form that fits, from this rung down.
pub fn climb_down(
    event: &str,
    transport: &Transport,
    key: &str,
    from: Rung,
    overrides: impl Fn(EventForm) -> Overrides,
) -> Result<(Rung, Overrides), NoRung> {
    let bucket = match transport {
        Transport::Bucket(bucket) => Some(bucket),
        Transport::Inline { bucket } => {
            if from <= Rung::Inline && event.len() <= LONGEST {
                let inline = overrides(EventForm::Inline(event.to_owned()));
                if inline.fit() {
                    return Ok((Rung::Inline, inline));
                }
            }
            if from <= Rung::Gzip {
                let gzip = overrides(EventForm::Gzip(gzip(event)));
                if gzip.fit() {
                    return Ok((Rung::Gzip, gzip));
                }
            }
            bucket.as_ref()
        }
    };
    let Some(bucket) = bucket else { return Err(NoRung::NoBucket(event.len())) };
    let pointer = overrides(EventForm::S3(format!("s3://{bucket}/{key}")));
    if pointer.fit() { Ok((Rung::S3, pointer)) } else { Err(NoRung::TooLong(pointer.length())) }
}

/// The event that a form holds; `None` where it lies in S3.
pub fn event_of(form: &EventForm) -> Result<Option<String>, GzipError> {
    match form {
        EventForm::Inline(event) => Ok(Some(event.clone())),
        EventForm::Gzip(text) => gunzip(text).map(Some),
        EventForm::S3(_) => Ok(None),
    }
}

/// The rung of a form.
#[must_use]
pub fn rung_of(form: &EventForm) -> Rung {
    match form {
        EventForm::Inline(_) => Rung::Inline,
        EventForm::Gzip(_) => Rung::Gzip,
        EventForm::S3(_) => Rung::S3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{context::Context, manifest::Manifest, order::Order};

    fn down(event: &str, transport: &Transport, from: Rung) -> Result<(Rung, EventForm), NoRung> {
        let context = Context { aws_request_id: "r-1".into(), function_name: "ingest".into(), ..Context::default() };
        let manifest = Manifest::new("h", "p", "1");
        let (rung, overrides) = climb_down(event, transport, "immortal/ingest/r-1", from, |event| {
            let order = Order {
                event,
                context: context.clone(),
                handler_path: None,
                attempt: 1,
                interruptions: 0,
                limit: None,
                series: 0,
            };
            Overrides::new("runner", &order, &manifest)
        })?;
        assert!(overrides.fit());
        let environment = &overrides.container().environment;
        let lookup = |name: &str| environment.iter().find(|one| one.name == name).map(|one| one.value.clone());
        Ok((rung, Order::from_variables(lookup).expect("our own order").event))
    }

    fn noise(length: usize) -> String {
        let mut random = fastrand::Rng::with_seed(7);
        format!("\"{}\"", std::iter::repeat_with(|| random.alphanumeric()).take(length).collect::<String>())
    }

    #[test]
    fn the_first_rung_that_fits() {
        let transport = Transport::Inline { bucket: Some("events".into()) };
        let text = format!("\"{}\"", "a".repeat(20_000));
        let table = [
            ("{}".to_owned(), Rung::Inline, Rung::Inline),
            (noise(7_000), Rung::Inline, Rung::Inline),
            (format!("[{}1]", "\"\",".repeat(1_800)), Rung::Inline, Rung::Gzip),
            (text, Rung::Inline, Rung::Gzip),
            (noise(9_000), Rung::Inline, Rung::S3),
            ("{}".to_owned(), Rung::Gzip, Rung::Gzip),
            ("{}".to_owned(), Rung::S3, Rung::S3),
        ];
        for (event, from, expected) in table {
            let (rung, form) = down(&event, &transport, from).expect("a rung");
            assert_eq!((rung, rung_of(&form)), (expected, expected), "{} bytes", event.len());
            match form {
                EventForm::S3(uri) => assert_eq!(uri, "s3://events/immortal/ingest/r-1"),
                form => assert_eq!(event_of(&form).expect("our own").as_deref(), Some(event.as_str())),
            }
        }
    }

    #[test]
    fn without_a_bucket_there_is_no_third_rung() {
        let transport = Transport::Inline { bucket: None };
        assert!(down(&noise(9_000), &transport, Rung::Inline).is_err_and(|error| error == NoRung::NoBucket(9_002)));
        assert!(down("{}", &transport, Rung::Gzip).is_ok());
        assert!(down("{}", &transport, Rung::S3).is_err());
    }

    #[test]
    fn a_bucket_alone_takes_every_event() {
        let (rung, _) = down("{}", &Transport::Bucket("events".into()), Rung::Inline).expect("a rung");
        assert_eq!((rung, rung.below()), (Rung::S3, None));
    }
}
