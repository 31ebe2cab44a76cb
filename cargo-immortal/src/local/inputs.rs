//! The files that the flags name, read before anything is built.

use std::path::Path;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Args;
use crate::{failure::Failure, value::Put};

/// What the files hold.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The event, as the file has it.
    pub(crate) event: Bytes,
    /// What lies in S3 before.
    pub(crate) objects: Vec<(Put, Bytes)>,
}

impl Inputs {
    pub(crate) fn read(args: &Args) -> Result<Self, Failure> {
        let event = read("the event", &args.event)?;
        if let Err(error) = serde_json::from_slice::<&RawValue>(&event) {
            return Err(Failure::WrongUse(format!("the event {} is not JSON: {error}", args.event.display())));
        }
        let object = |put: &Put| Ok((put.clone(), read("the object", &put.file)?));
        let objects = args.put.iter().map(object).collect::<Result<_, Failure>>()?;
        Ok(Self { event, objects })
    }
}

fn read(what: &str, file: &Path) -> Result<Bytes, Failure> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(Failure::WrongUse(format!("{what} {} can't be read: {error}", file.display()))),
    }
}
