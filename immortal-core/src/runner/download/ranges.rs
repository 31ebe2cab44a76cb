//! Downloads a zip in concurrent ranges, each resumed where it broke off, and hashed in order.

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt as _, sync::Arc};

use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use super::{CodeDownloader, MAX_ZIP, RangeAnswer, RangeError, again, broken, refused, too_large};

/// The number of concurrent ranges.
const WORKERS: usize = 4;
const RANGE: u64 = 8 * 1024 * 1024;

/// The size of the first range, requested before the file's size is known.
pub(super) const FIRST: Range<u64> = 0..RANGE;

impl CodeDownloader {
    /// Fetches the rest of a file while its first range arrives.
    pub(super) async fn download_ranges(
        &self,
        url: &str,
        file: &Arc<File>,
        first: RangeAnswer,
        total: u64,
    ) -> Result<Vec<u8>, RangeError> {
        if total > MAX_ZIP {
            return Err(too_large());
        }
        file.set_len(total).map_err(|error| broken(&error))?;
        let ranges = ranges(total);
        let mut first = Some(first);
        let mut waiting = ranges.iter().cloned().enumerate();
        let mut is_done = vec![false; ranges.len()];
        let mut workers = JoinSet::new();
        let mut hashed = 0;
        let mut hash = Sha256::new();
        while hashed < ranges.len() {
            while workers.len() < WORKERS
                && let Some((index, range)) = waiting.next()
            {
                let (this, url, file, first) = (self.clone(), url.to_owned(), Arc::clone(file), first.take());
                workers.spawn(async move { this.range(&url, &file, range, first).await.map(|()| index) });
            }
            match workers.join_next().await {
                Some(Ok(index)) => is_done[index?] = true,
                Some(Err(error)) => return Err(broken(&error)),
                None => return Err(broken(&"a range was lost")),
            }
            while is_done.get(hashed) == Some(&true) {
                hash = hash_range(hash, Arc::clone(file), ranges[hashed].clone()).await?;
                hashed += 1;
            }
        }
        Ok(hash.finalize().to_vec())
    }

    /// Fetches one range, from where it broke off each time, as long as there is progress.
    async fn range(
        &self,
        url: &str,
        file: &File,
        range: Range<u64>,
        first: Option<RangeAnswer>,
    ) -> Result<(), RangeError> {
        let mut answer = first;
        let (mut at, mut failures) = (range.start, 0);
        while at < range.end {
            let before = at;
            let piece = self.piece(url, file, &mut at, range.end, answer.take()).await;
            failures = if at > before { 0 } else { failures + 1 };
            match piece {
                Ok(()) if at < range.end => self.rest(failures, "the answer ended early").await?,
                Ok(()) => {}
                Err(RangeError::Again(reason)) => self.rest(failures, &reason).await?,
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    async fn piece(
        &self,
        url: &str,
        file: &File,
        at: &mut u64,
        end: u64,
        answer: Option<RangeAnswer>,
    ) -> Result<(), RangeError> {
        let answer = match answer {
            Some(answer) => answer,
            None => self.get(url, *at..end).await?,
        };
        match answer.status().as_u16() {
            206 => {}
            200 => return Err(again("the server has no ranges any more")),
            status => return Err(refused(status)),
        }
        self.for_each_chunk(answer, |data| {
            let data = &data[..data.len().min(usize::try_from(end - *at).unwrap_or(usize::MAX))];
            file.write_all_at(data, *at).map_err(|error| broken(&error))?;
            *at += data.len() as u64;
            Ok(())
        })
        .await
    }
}

async fn hash_range(mut hash: Sha256, file: Arc<File>, range: Range<u64>) -> Result<Sha256, RangeError> {
    tokio::task::spawn_blocking(move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut at = range.start;
        while at < range.end {
            let most = buffer.len().min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
            file.read_exact_at(&mut buffer[..most], at)?;
            hash.update(&buffer[..most]);
            at += most as u64;
        }
        Ok(hash)
    })
    .await
    .map_err(io::Error::other)
    .flatten()
    .map_err(|error| broken(&error))
}

fn ranges(total: u64) -> Vec<Range<u64>> {
    (0..total.div_ceil(RANGE)).map(|index| index * RANGE..((index + 1) * RANGE).min(total)).collect()
}

/// The whole size, out of `Content-Range: bytes 0-99/1234`.
pub(super) fn total(answer: &RangeAnswer) -> Option<u64> {
    answer.headers().get("content-range")?.rsplit_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_file() {
        assert_eq!(ranges(0), []);
        let ends = |total| ranges(total).into_iter().map(|range| (range.start, range.end)).collect::<Vec<_>>();
        assert_eq!(ends(5), [(0, 5)]);
        assert_eq!(ends(RANGE), [(0, RANGE)]);
        assert_eq!(ends(RANGE + 1), [(0, RANGE), (RANGE, RANGE + 1)]);
    }
}
