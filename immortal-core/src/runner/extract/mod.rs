//! Unpacks a zip whose hash was verified: by its central directory, confined to one directory, with limits on the bytes
//! that are actually written.
//!
//! Besides the zip's directory, memory is constant: two buffers of 32 kB for each of a few threads. The directory is
//! limited to `MAX_DIRECTORY` while it is read, because its declared size can't be trusted.

mod error;
mod plan;
mod shared_file;
mod write;

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use zip::{SUPPORTED_COMPRESSION_METHODS, ZipArchive, result::ZipError};

pub use error::ExtractError;
use plan::{EntryKind, ZipEntry};
use shared_file::SharedFile;
use write::PlanWriter;

/// How long a zip's directory may be, which is read into memory: 335 bytes for each of the most entries there may be.
const MAX_DIRECTORY: u64 = 32 * 1024 * 1024;

/// What all zips of a function together may hold, as written.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>, 250 MB unzipped with its layers.
#[derive(Debug)]
pub struct UnpackBudget {
    bytes: AtomicU64,
    entries: AtomicU64,
}

impl Default for UnpackBudget {
    fn default() -> Self {
        Self::new(250 * 1024 * 1024, 100_000)
    }
}

impl UnpackBudget {
    /// A budget of this many bytes and entries.
    #[must_use]
    pub const fn new(bytes: u64, entries: u64) -> Self {
        Self { bytes: AtomicU64::new(bytes), entries: AtomicU64::new(entries) }
    }

    fn take_bytes(&self, number: u64) -> Result<(), ExtractError> {
        take(&self.bytes, number).ok_or(ExtractError::TooLarge)
    }

    fn take_entries(&self, number: u64) -> Result<(), ExtractError> {
        take(&self.entries, number).ok_or(ExtractError::TooMany)
    }
}

fn take(left: &AtomicU64, number: u64) -> Option<()> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(number)).ok().map(drop)
}

/// Unpacks a zip into a directory. Where `called_off` turns true, it ends early.
pub fn extract(file: File, root: &Path, budget: &UnpackBudget, called_off: &AtomicBool) -> Result<(), ExtractError> {
    let source = SharedFile::limited(file, MAX_DIRECTORY)
        .map_err(|source| ExtractError::Disk { path: root.to_owned(), source })?;
    let mut archive = match ZipArchive::new(source.clone()) {
        Err(ZipError::Io(error)) if error.kind() == io::ErrorKind::FileTooLarge => return Err(ExtractError::TooMany),
        opened => opened.map_err(ExtractError::Unreadable)?,
    };
    source.lift_limit();
    budget.take_entries(archive.len() as u64)?;
    if archive.has_overlapping_entries().map_err(ExtractError::Unreadable)? {
        return Err(ExtractError::Overlapping);
    }
    let entries = (0..archive.len()).map(|index| describe(&archive, index)).collect::<Result<_, _>>()?;
    let plan = plan::plan(entries)?;
    budget.take_entries(plan.implied as u64)?;
    PlanWriter::new(root, budget, called_off)?.write(&mut archive, &plan)
}

fn describe(archive: &ZipArchive<SharedFile>, index: usize) -> Result<ZipEntry, ExtractError> {
    const FILE_TYPE: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    const LINK: u32 = 0o120_000;
    const DIRECTORY: u32 = 0o040_000;

    let entry = archive.by_index_data(index).map_err(ExtractError::Unreadable)?;
    let name = entry.name().map_err(ExtractError::Unreadable)?.into_owned();
    if entry.encrypted() {
        return Err(ExtractError::Encrypted(name));
    }
    let mode = entry.unix_mode();
    let kind = match mode.map(|mode| mode & FILE_TYPE) {
        _ if entry.is_dir() => EntryKind::Directory,
        Some(LINK) => EntryKind::Link,
        Some(DIRECTORY) => EntryKind::Directory,
        Some(REGULAR | 0) | None => EntryKind::File,
        Some(_) => return Err(ExtractError::Special(name)),
    };
    let method = entry.compression();
    if kind != EntryKind::Directory && !SUPPORTED_COMPRESSION_METHODS.contains(&method) {
        return Err(ExtractError::Method { entry: name, method: format!("{} ({method})", number_of(method)) });
    }
    let default = if kind == EntryKind::Directory { 0o755 } else { 0o644 };
    let mode = mode.map(|mode| mode & 0o777).filter(|mode| *mode != 0).unwrap_or(default);
    Ok(ZipEntry { index, name, kind, mode })
}

/// The method's name; its number if it is unknown.
#[expect(deprecated, reason = "the only way to a number")]
fn number_of(method: zip::CompressionMethod) -> u16 {
    method.to_u16()
}

/// Calls unpacking off when it is dropped.
#[derive(Debug, Default)]
pub(super) struct CallOff(Arc<AtomicBool>);

impl CallOff {
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for CallOff {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
