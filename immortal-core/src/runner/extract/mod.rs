//! Unpacking a zip whose hash holds: by its central directory, confined to one directory, within bounds that count
//! what is really written.
//!
//! Memory is a small constant beside the zip's directory: two buffers of 32 kB for each of `THREADS` threads. The directory
//! is kept within `MAX_DIRECTORY` as it is read, since what it declares of itself may be a lie.

mod plan;
mod source;

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write as _},
    num::NonZero,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use zip::{ZipArchive, result::ZipError};

use plan::{Entry, Kind, Plan};
use source::Source;

/// How many entries are written side by side, at most.
const THREADS: usize = 4;
/// How much of an entry is held at a time, inflated.
const BUFFER: usize = 32 * 1024;

/// How long a zip's directory may be, which is read into memory: 335 bytes for each of the most entries there may be.
const MAX_DIRECTORY: u64 = 32 * 1024 * 1024;

/// What all zips of a function together may hold, as written.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>, 250 MB unzipped with its layers.
#[derive(Debug)]
pub struct Budget {
    bytes: AtomicU64,
    entries: AtomicU64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(250 * 1024 * 1024, 100_000)
    }
}

impl Budget {
    /// A budget of this many bytes and entries.
    #[must_use]
    pub const fn new(bytes: u64, entries: u64) -> Self {
        Self { bytes: AtomicU64::new(bytes), entries: AtomicU64::new(entries) }
    }

    fn take_bytes(&self, number: u64) -> Result<(), Unsound> {
        take(&self.bytes, number).ok_or(Unsound::TooLarge)
    }

    fn take_entries(&self, number: u64) -> Result<(), Unsound> {
        take(&self.entries, number).ok_or(Unsound::TooMany)
    }
}

fn take(left: &AtomicU64, number: u64) -> Option<()> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(number)).ok().map(drop)
}

/// Why a zip isn't unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// It isn't a zip, or a damaged one.
    #[error("it is no sound zip")]
    Zip(#[from] ZipError),
    /// An entry leads out of the directory.
    #[error("its entry {0:?} leads out of the directory that it is unpacked into")]
    Outside(String),
    /// An entry's name is longer than any path may be.
    #[error("its entry {0:?}… has a longer name than Linux takes")]
    Name(String),
    /// Two entries can't both be.
    #[error("its entry {0:?} is in the way of another")]
    Conflict(String),
    /// Entries share bytes.
    #[error("its entries overlap")]
    Overlapping,
    /// An entry is neither a file nor a directory nor a link.
    #[error("its entry {0:?} is encrypted or of a kind that isn't unpacked")]
    Unusual(String),
    /// More bytes than a function may have.
    #[error("unpacked, it and what was unpacked before it are larger than 250 MB, which Lambda doesn't run either")]
    TooLarge,
    /// More entries than a function may have.
    #[error("it and what was unpacked before it have more than 100,000 entries, or its directory more than 32 MB")]
    TooMany,
    /// Unpacking was called off.
    #[error("unpacking was called off")]
    CalledOff,
    /// The disk.
    #[error("{path:?} can't be written")]
    Disk {
        /// What was being written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The links that were unpacked, by the path at which they lie; those of earlier layers count for later ones.
pub type Links = BTreeMap<PathBuf, PathBuf>;

/// Unpacks a zip into a directory. Where `called_off` turns true, it ends early.
pub fn extract(
    file: File,
    root: &Path,
    budget: &Budget,
    links: &mut Links,
    called_off: &AtomicBool,
) -> Result<(), Unsound> {
    let source =
        Source::limited(file, MAX_DIRECTORY).map_err(|source| Unsound::Disk { path: root.to_owned(), source })?;
    let mut archive = match ZipArchive::new(source.clone()) {
        Err(ZipError::Io(error)) if error.kind() == io::ErrorKind::FileTooLarge => return Err(Unsound::TooMany),
        opened => opened?,
    };
    source.lift();
    budget.take_entries(archive.len() as u64)?;
    if archive.has_overlapping_entries()? {
        return Err(Unsound::Overlapping);
    }
    let mut entries = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        entries.push(describe(&mut archive, index)?);
    }
    let plan = plan::plan(entries, links, root)?;
    budget.take_entries(plan.implied as u64)?;
    write(&archive, &plan, root, budget, called_off)?;
    links.extend(plan.links);
    Ok(())
}

fn describe(archive: &mut ZipArchive<Source>, index: usize) -> Result<Entry, Unsound> {
    const FILE_TYPE: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    const LINK: u32 = 0o120_000;
    const DIRECTORY: u32 = 0o040_000;

    let (name, mode, is_dir) = {
        let entry = archive.by_index_data(index)?;
        let name = entry.name()?.into_owned();
        if entry.encrypted() {
            return Err(Unsound::Unusual(name));
        }
        (name, entry.unix_mode(), entry.is_dir())
    };
    let kind = match mode.map(|mode| mode & FILE_TYPE) {
        _ if is_dir => Kind::Directory,
        Some(LINK) => Kind::Link(link_target(archive, index, &name)?),
        Some(DIRECTORY) => Kind::Directory,
        Some(REGULAR | 0) | None => Kind::File,
        Some(_) => return Err(Unsound::Unusual(name)),
    };
    let default = if kind == Kind::Directory { 0o755 } else { 0o644 };
    let mode = mode.map(|mode| mode & 0o777).filter(|mode| *mode != 0).unwrap_or(default);
    Ok(Entry { index, name, kind, mode })
}

fn link_target(archive: &mut ZipArchive<Source>, index: usize, name: &str) -> Result<PathBuf, Unsound> {
    // Linux takes no longer path.
    const MAX_PATH: u64 = 4096;
    let mut target = String::new();
    archive
        .by_index(index)?
        .take(MAX_PATH)
        .read_to_string(&mut target)
        .map_err(|_| Unsound::Unusual(name.to_owned()))?;
    Ok(target.into())
}

fn write(
    archive: &ZipArchive<Source>,
    plan: &Plan,
    root: &Path,
    budget: &Budget,
    called_off: &AtomicBool,
) -> Result<(), Unsound> {
    make_directory(root)?;
    for directory in plan.directories.keys() {
        make_directory(&root.join(directory))?;
    }
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..threads().min(plan.files.len()) {
            scope.spawn(|| {
                let mut archive = archive.clone();
                let mut buffer = vec![0; BUFFER];
                while let Some(entry) = plan.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = write_file(&mut archive, entry, root, budget, &mut buffer, called_off) {
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        next.store(plan.files.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    // Links come after all files, and so no file is written through one of this zip's.
    for (path, target) in &plan.links {
        let path = root.join(path);
        make_way(&path)?;
        symlink(target, &path).map_err(|source| Unsound::Disk { path, source })?;
    }
    // Modes of directories come last, deepest first: one may forbid what is still to be done in it.
    for (directory, mode) in plan.directories.iter().rev() {
        let path = root.join(directory);
        if let Some(mode) = mode {
            fs::set_permissions(&path, Permissions::from_mode(*mode))
                .map_err(|source| Unsound::Disk { path, source })?;
        }
    }
    Ok(())
}

/// Inflating is a processor's work: more threads than there are would only hold more memory.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(THREADS)
}

fn write_file(
    archive: &mut ZipArchive<Source>,
    entry: &plan::File,
    root: &Path,
    budget: &Budget,
    buffer: &mut [u8],
    called_off: &AtomicBool,
) -> Result<(), Unsound> {
    let path = root.join(&entry.path);
    let disk = |source| Unsound::Disk { path: path.clone(), source };
    make_way(&path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(disk)?;
    let mut content = archive.by_index(entry.index)?;
    loop {
        if called_off.load(Ordering::Relaxed) {
            return Err(Unsound::CalledOff);
        }
        let read = content.read(buffer).map_err(ZipError::from)?;
        if read == 0 {
            break;
        }
        budget.take_bytes(read as u64)?;
        file.write_all(&buffer[..read]).map_err(disk)?;
    }
    // Set once it is open: the process's umask has no say.
    file.set_permissions(Permissions::from_mode(entry.mode)).map_err(disk)
}

fn make_directory(path: &Path) -> Result<(), Unsound> {
    fs::create_dir_all(path).map_err(|source| Unsound::Disk { path: path.to_owned(), source })
}

/// Removes what an earlier layer put at a path.
fn make_way(path: &Path) -> Result<(), Unsound> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Unsound::Disk { path: path.to_owned(), source }),
        _ => Ok(()),
    }
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
