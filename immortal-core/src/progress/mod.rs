//! The work that a handler saves for its next attempt: one JSON object in S3, which only the job's latest attempt
//! writes.

mod error;
mod fence;
mod finish;
mod store;
mod writer;

use std::{
    any::type_name,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use lambda_runtime::Context;
use serde::{Serialize, de::DeserializeOwned};

pub use self::error::ProgressError;
use self::{
    error::ProgressPlace,
    fence::{OpenStep, ProgressWriter, SaveStamp, open_step},
    store::{ProgressStore, SavedProgress},
};
pub(crate) use finish::FinishingService;

use crate::{aws::s3::PutCondition, job_object::progress_key, names::env, start::attempt};

/// The saved work of a job; see the facade.
pub struct Progress<T> {
    saved: Option<T>,
    store: ProgressStore,
    writer: ProgressWriter,
    /// What the next save asks of the object that is there.
    condition: PutCondition,
}

impl<T> fmt::Debug for Progress<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("uri", &self.store.place.uri()).finish_non_exhaustive()
    }
}

impl<T: Serialize + DeserializeOwned> Progress<T> {
    /// Reads what an earlier attempt of this job saved, and makes this attempt the only writer.
    ///
    /// It is kept in `IMMORTAL_EVENT_BUCKET`, which the function has to have in its environment.
    pub async fn open(context: &Context) -> Result<Self, ProgressError> {
        let request_id = context.request_id.clone();
        let Some(bucket) = std::env::var(env::EVENT_BUCKET).ok().filter(|bucket| !bucket.is_empty()) else {
            return Err(ProgressError::MissingBucket { request_id });
        };
        let key = progress_key(&context.env_config.function_name, &request_id);
        let place = ProgressPlace { request_id, bucket, key };
        let aws = store::clients().await.map_err(|error| place.failed("GetObject", &error))?;
        let store = ProgressStore::new(place, aws);
        let writer = writer::process_writer(aws).await;
        let progress = Self::open_as(store, writer).await?;
        if attempt() == 0 {
            finish::opened(progress.store.clone());
        }
        Ok(progress)
    }

    /// What was saved when the progress was opened; `None` in a job that has saved nothing yet.
    #[must_use]
    pub fn saved(&self) -> Option<&T> {
        self.saved.as_ref()
    }

    /// Replaces the saved value. When this returns, the value is available to the next attempt.
    ///
    /// One call is one PUT. An attempt that was taken for dead and has a successor gets
    /// [`ProgressError::Superseded`], and has written nothing: return that error, and no further attempt follows.
    pub async fn save(&mut self, value: &T) -> Result<(), ProgressError> {
        let value = serde_json::value::to_raw_value(value).map_err(|error| self.store.place.unwritable(&error))?;
        let saved = SavedProgress { stamp: stamp(&self.writer), value };
        self.condition = PutCondition::Matches(self.store.save(&saved, self.condition.clone()).await?);
        Ok(())
    }

    async fn open_as(store: ProgressStore, writer: ProgressWriter) -> Result<Self, ProgressError> {
        loop {
            let found = store.get().await?;
            let step = open_step(&writer, found.as_ref().map(|(saved, _)| &saved.stamp));
            let Some((found, tag)) = found else {
                return Ok(Self { saved: None, store, writer, condition: PutCondition::IsNew });
            };
            if let OpenStep::Superseded(by) = step {
                return Err(store.place.superseded(by));
            }
            let mut json = serde_json::Deserializer::from_str(found.value.get());
            let saved = serde_path_to_error::deserialize(&mut json)
                .map_err(|error| store.place.unreadable(type_name::<T>(), &error))?;
            let mut condition = PutCondition::Matches(tag);
            if step == OpenStep::TakeOver {
                let own = SavedProgress { stamp: stamp(&writer), value: found.value };
                match store.take_over(&own, &condition).await? {
                    Some(tag) => condition = PutCondition::Matches(tag),
                    // It was written in the meantime: the present object counts.
                    None => continue,
                }
            }
            return Ok(Self { saved: Some(saved), store, writer, condition });
        }
    }
}

/// The stamp of a writer's next save. No two saves of one process have the same number, so that one whose answer was
/// lost is known.
fn stamp(writer: &ProgressWriter) -> SaveStamp {
    static SEQUENCE: AtomicU64 = AtomicU64::new(1);
    SaveStamp { writer: writer.clone(), sequence: SEQUENCE.fetch_add(1, Ordering::Relaxed) }
}
