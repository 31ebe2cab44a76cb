//! Downloads a zip from a presigned URL into a file, hashing it on the way, in parallel ranges if the server supports
//! them.
//!
//! Memory doesn't depend on the file's size: a few streams with the HTTP client's buffers, and one buffer for the hash.

mod ranges;

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt as _, sync::Arc, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::{deployed_function::CodePackage, error::RunnerError};
use crate::aws::{HttpClient, HttpResponse, backoff, error_chain};

/// How often in a row a stream may fail without a byte of progress.
const FAILURES: u32 = 5;
/// No zip of Lambda's is larger: unzipped, it has at most 250 MB, and a file that doesn't shrink grows by little.
const MAX_ZIP: u64 = 300 * 1024 * 1024;

/// Fetches zips.
#[derive(Clone, Debug)]
pub(super) struct CodeDownloader {
    http: HttpClient,
    /// How long a download may go without a byte.
    stall: Duration,
}

/// Why a zip couldn't be fetched.
#[derive(Debug)]
enum RangeError {
    /// The URL has expired.
    Expired(u16),
    /// May succeed when retried.
    Again(String),
    For(RunnerError),
}

type RangeAnswer = HttpResponse;

impl CodeDownloader {
    pub(super) fn new(http: HttpClient, stall: Duration) -> Self {
        Self { http, stall }
    }

    /// Fetches a zip and verifies its hash. If its URL has expired, `again` gets another one, once.
    pub(super) async fn fetch<F>(
        &self,
        what: &str,
        package: &CodePackage,
        again: impl FnOnce() -> F,
    ) -> Result<File, RunnerError>
    where
        F: Future<Output = Result<CodePackage, RunnerError>>,
    {
        match self.download(package).await {
            Err(RangeError::Expired(status)) => {
                tracing::warn!("the presigned URL of {what} was refused with {status}; requesting a new one");
                self.download(&again().await?).await
            }
            done => done,
        }
        .map_err(|fault| match fault {
            RangeError::For(RunnerError::Permanent(why)) => RunnerError::Permanent(format!("{what}: {why}")),
            RangeError::For(RunnerError::Transient(why)) => {
                RunnerError::Transient(format!("{what} can't be downloaded: {why}"))
            }
            RangeError::For(RunnerError::Internal(why)) => {
                RunnerError::Internal(format!("{what} can't be downloaded: {why}"))
            }
            RangeError::Expired(status) => RunnerError::Transient(format!(
                "{what} can't be downloaded: its presigned URL was refused with {status} although it is new; \
                 check the task's route to S3, and the policy of its VPC endpoint"
            )),
            RangeError::Again(reason) => RunnerError::Transient(format!("{what} can't be downloaded: {reason}")),
        })
    }

    async fn download(&self, package: &CodePackage) -> Result<File, RangeError> {
        let file = scratch_file().map_err(|error| broken(&error))?;
        let mut failures = 0;
        let hash = loop {
            match self.attempt(&package.location.0, &file).await {
                Ok(hash) => break hash,
                Err(RangeError::Again(reason)) => {
                    failures += 1;
                    self.rest(failures, &reason).await?;
                }
                Err(fault) => return Err(fault),
            }
        };
        let hash = BASE64_STANDARD.encode(hash);
        if hash != package.sha256 {
            return Err(RangeError::For(RunnerError::Transient(format!(
                "its hash is {hash}, and GetFunction returned {}; nothing was unpacked",
                package.sha256
            ))));
        }
        Arc::into_inner(file).ok_or_else(|| broken(&"the file is still in use"))
    }

    /// Downloads the whole file once, in ranges if the server supports them.
    async fn attempt(&self, url: &str, file: &Arc<File>) -> Result<Vec<u8>, RangeError> {
        let answer = self.get(url, ranges::FIRST).await?;
        match answer.status().as_u16() {
            206 => {
                let total = ranges::total(&answer).ok_or_else(|| again("the server names no size"))?;
                self.download_ranges(url, file, answer, total).await
            }
            200 => self.download_whole(file, answer).await,
            status => Err(refused(status)),
        }
    }

    async fn get(&self, url: &str, range: Range<u64>) -> Result<RangeAnswer, RangeError> {
        match timeout(self.stall, self.http.get_range(url, range.start, range.end - 1)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(RangeError::Again(error_chain(&error))),
            Err(_) => Err(self.stalled()),
        }
    }

    async fn download_whole(&self, file: &File, answer: RangeAnswer) -> Result<Vec<u8>, RangeError> {
        let mut hash = Sha256::new();
        let mut at = 0;
        self.for_each_chunk(answer, |data| {
            if at + data.len() as u64 > MAX_ZIP {
                return Err(too_large());
            }
            file.write_all_at(data, at).map_err(|error| broken(&error))?;
            hash.update(data);
            at += data.len() as u64;
            Ok(())
        })
        .await?;
        file.set_len(at).map_err(|error| broken(&error))?;
        Ok(hash.finalize().to_vec())
    }

    /// Pauses before another try, or returns an error after too many failures in a row.
    async fn rest(&self, failures: u32, reason: &str) -> Result<(), RangeError> {
        if failures >= FAILURES {
            let message = format!("{reason}, {FAILURES} times in a row; check the task's route to S3");
            return Err(RangeError::For(RunnerError::Transient(message)));
        }
        tracing::warn!("a download broke off, and is resumed: {reason}");
        // Five failures in a row end the attempt, so even the first pause outlasts a short interruption.
        tokio::time::sleep(backoff(failures + 2, fastrand::f64()).min(self.stall)).await;
        Ok(())
    }

    /// Passes on a body as it arrives, and gives up if it stalls.
    async fn for_each_chunk(
        &self,
        answer: RangeAnswer,
        mut take: impl FnMut(&[u8]) -> Result<(), RangeError>,
    ) -> Result<(), RangeError> {
        let mut body = answer.into_body();
        loop {
            match timeout(self.stall, body.frame()).await {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(frame))) => take(frame.data_ref().map_or(&[], |data| data))?,
                Ok(Some(Err(error))) => return Err(RangeError::Again(error_chain(error.as_ref()))),
                Err(_) => return Err(self.stalled()),
            }
        }
    }

    fn stalled(&self) -> RangeError {
        RangeError::Again(format!("nothing came for {} s", self.stall.as_secs()))
    }
}

/// A file that is deleted when it is closed.
fn scratch_file() -> io::Result<Arc<File>> {
    let directory = std::env::temp_dir();
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(format!("immortal-{}-{:016x}.zip", std::process::id(), fastrand::u64(..)));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(Arc::new(file))
}

fn refused(status: u16) -> RangeError {
    match status {
        // S3 returns 403 if the URL has expired, and 400 if the credentials in it have.
        400 | 401 | 403 => RangeError::Expired(status),
        408 | 429 | 500.. => RangeError::Again(format!("the server answers {status}")),
        _ => RangeError::For(RunnerError::Transient(format!("the server answers {status}"))),
    }
}

fn too_large() -> RangeError {
    RangeError::For(RunnerError::Permanent(format!("it has more than {MAX_ZIP} bytes, which no zip of Lambda's has")))
}

fn again(reason: &str) -> RangeError {
    RangeError::Again(reason.to_owned())
}

fn broken(error: &dyn std::fmt::Display) -> RangeError {
    RangeError::For(RunnerError::Internal(format!("the task's disk: {error}; give the task more ephemeral storage")))
}

#[cfg(test)]
mod tests;
