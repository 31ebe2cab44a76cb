//! The object of a job's progress in S3, with deadlines and retries for each call.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::{
    error::{ProgressError, ProgressPlace},
    fence::{FoundSave, NextRequest, PendingSave, PutAnswer, SaveEnd, SaveStamp, SupersededBy},
};
use crate::aws::{
    AwsClients, AwsError, MissingRegion, RetryEnd, WorkDeadline,
    s3::{ObjectStore, PutCondition},
    with_retries, within,
};

/// How long to try, and how long one call may take: values may be large.
const RETRY_FOR: Duration = Duration::from_mins(2);
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// The content of the object.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedProgress {
    #[serde(flatten)]
    pub(super) stamp: SaveStamp,
    pub(super) value: Box<RawValue>,
}

/// The object of one job.
#[derive(Clone, Debug)]
pub(super) struct ProgressStore {
    pub(super) place: ProgressPlace,
    objects: ObjectStore,
}

/// The SDK configuration of this process, loaded on first use.
pub(super) async fn clients() -> Result<&'static AwsClients, MissingRegion> {
    static CLIENTS: OnceCell<AwsClients> = OnceCell::const_new();
    CLIENTS.get_or_try_init(AwsClients::from_environment).await
}

impl ProgressStore {
    pub(super) fn new(place: ProgressPlace, aws: &AwsClients) -> Self {
        Self { place, objects: ObjectStore::new(aws) }
    }

    /// Reads the present object and its entity tag.
    pub(super) async fn get(&self) -> Result<Option<(SavedProgress, String)>, ProgressError> {
        self.read(WorkDeadline::after(RETRY_FOR, LONGEST_CALL)).await
    }

    /// Writes a value if the fence permits it, and returns the object's entity tag.
    pub(super) async fn save(&self, saved: &SavedProgress, condition: PutCondition) -> Result<String, ProgressError> {
        let (json, deadline) = (self.json(saved)?, WorkDeadline::after(RETRY_FOR, LONGEST_CALL));
        let mut pending = PendingSave::new(saved.stamp.clone(), condition);
        loop {
            let end = match pending.next() {
                NextRequest::Put => pending.put(self.put(&json, pending.condition(), deadline).await?),
                NextRequest::Get => {
                    let found = self.read(deadline).await?;
                    pending.got(found.map(|(saved, tag)| FoundSave { tag, stamp: saved.stamp }))
                }
            };
            match end {
                None => {}
                Some(SaveEnd::Saved(tag)) => return Ok(tag),
                Some(SaveEnd::Superseded(by)) => return Err(self.place.superseded(by)),
            }
        }
    }

    /// Writes the present value again in the name of this writer; `None` if it was written in the meantime.
    pub(super) async fn take_over(
        &self,
        saved: &SavedProgress,
        condition: &PutCondition,
    ) -> Result<Option<String>, ProgressError> {
        let deadline = WorkDeadline::after(RETRY_FOR, LONGEST_CALL);
        match self.put(&self.json(saved)?, condition, deadline).await? {
            PutAnswer::Written(tag) => Ok(Some(tag)),
            PutAnswer::Refused => Ok(None),
            PutAnswer::Missing => Err(self.place.superseded(SupersededBy::EndOfJob)),
        }
    }

    /// Deletes the object within this time; succeeds if it does not exist.
    pub(super) async fn delete(&self, timeout: Duration) -> Result<(), ProgressError> {
        let ProgressPlace { bucket, key, .. } = &self.place;
        let delete = |bound| within(bound, self.objects.delete(bucket, key));
        let deadline = WorkDeadline::after(timeout, timeout);
        let deleted = with_retries(deadline, delete, |error, _| error.retry_reason().is_some()).await;
        deleted.map_err(|end| self.ended("DeleteObject", end))
    }

    fn json(&self, saved: &SavedProgress) -> Result<Bytes, ProgressError> {
        let json = serde_json::to_vec(saved).map_err(|error| self.place.unwritable(&error))?;
        Ok(json.into())
    }

    async fn put(
        &self,
        json: &Bytes,
        condition: &PutCondition,
        deadline: WorkDeadline,
    ) -> Result<PutAnswer, ProgressError> {
        let ProgressPlace { bucket, key, .. } = &self.place;
        let put = |bound| within(bound, self.objects.put_json(bucket, key, json.clone(), condition));
        let is_retryable = |error: &AwsError, _| error.retry_reason().is_some() || is_conflict(error);
        match with_retries(deadline, put, is_retryable).await {
            Ok(tag) => Ok(PutAnswer::Written(tag)),
            Err(RetryEnd::Failed(error)) => {
                put_answer(&error, condition).ok_or_else(|| self.place.call_failed("PutObject", &error))
            }
            Err(RetryEnd::NoTime) => Err(self.ended("PutObject", RetryEnd::NoTime)),
        }
    }

    async fn read(&self, deadline: WorkDeadline) -> Result<Option<(SavedProgress, String)>, ProgressError> {
        let ProgressPlace { bucket, key, .. } = &self.place;
        let get = |bound| within(bound, self.objects.get_tagged(bucket, key));
        match with_retries(deadline, get, |error, _| error.retry_reason().is_some()).await {
            Ok((bytes, tag)) => match serde_json::from_slice(&bytes) {
                Ok(saved) => Ok(Some((saved, tag))),
                Err(error) => Err(self.place.unreadable("progress of immortal", &error)),
            },
            Err(RetryEnd::Failed(AwsError::Refused(refusal))) if is_missing(refusal.status, &refusal.code) => Ok(None),
            Err(end) => Err(self.ended("GetObject", end)),
        }
    }

    fn ended(&self, call: &'static str, end: RetryEnd<AwsError>) -> ProgressError {
        match end {
            RetryEnd::NoTime => self.place.failed(call, &"there was no time left for it"),
            RetryEnd::Failed(error) => self.place.call_failed(call, &error),
        }
    }
}

/// What a refused write means; `None`: it is an error.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-write-error-behavior.html>
fn put_answer(error: &AwsError, condition: &PutCondition) -> Option<PutAnswer> {
    let AwsError::Refused(refusal) = error else { return None };
    match (refusal.status, condition) {
        (412, _) => Some(PutAnswer::Refused),
        (404, PutCondition::Matches(_)) if is_missing(404, &refusal.code) => Some(PutAnswer::Missing),
        _ => None,
    }
}

/// Whether a write raced another one or a delete, and can be retried.
fn is_conflict(error: &AwsError) -> bool {
    matches!(error, AwsError::Refused(refusal) if refusal.status == 409)
}

fn is_missing(status: u16, code: &str) -> bool {
    status == 404 && code != "NoSuchBucket"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ServiceError;

    #[test]
    fn each_refused_write_has_its_meaning() {
        let matches = || PutCondition::Matches("\"a\"".to_owned());
        let table = [
            (412, "PreconditionFailed", PutCondition::IsNew, Some(PutAnswer::Refused), false),
            (412, "PreconditionFailed", matches(), Some(PutAnswer::Refused), false),
            (404, "NoSuchKey", matches(), Some(PutAnswer::Missing), false),
            (404, "NoSuchBucket", matches(), None, false),
            (404, "NoSuchBucket", PutCondition::IsNew, None, false),
            (409, "ConditionalRequestConflict", matches(), None, true),
            (403, "AccessDenied", matches(), None, false),
            (503, "SlowDown", matches(), None, true),
            (500, "InternalError", PutCondition::IsNew, None, true),
            (400, "RequestTimeout", matches(), None, true),
        ];
        for (status, code, condition, expected, again) in table {
            let error = AwsError::Refused(ServiceError { status, code: code.to_owned(), ..ServiceError::default() });
            assert_eq!(put_answer(&error, &condition), expected, "{status} {code}");
            assert_eq!(error.retry_reason().is_some() || is_conflict(&error), again, "{status} {code}");
        }
    }

    #[test]
    fn the_object_is_the_documented_one() {
        let json = r#"{"series":1,"attempt":2,"writer":"arn:task","sequence":3,"value":{"page": 7}}"#;
        let saved: SavedProgress = serde_json::from_str(json).expect("its own shape");
        assert_eq!((saved.stamp.writer.rank.series, saved.stamp.writer.rank.attempt, saved.stamp.sequence), (1, 2, 3));
        assert_eq!(saved.value.get(), r#"{"page": 7}"#);
        assert_eq!(serde_json::to_string(&saved).expect("plain data"), json);
    }
}
