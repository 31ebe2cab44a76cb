//! Writes a plan below a root: no path leaves the root, and nothing is written through a link.
//!
//! All paths go through handles of `cap-std`, which can't leave their root. Within the root the order of the phases
//! keeps links out of the way: directories are made parents first, and each is looked at if it is there already; while
//! files and links are written, everything above them is one of these directories.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read as _, Write as _},
    num::NonZero,
    os::unix::ffi::OsStringExt as _,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _},
};
use zip::{ZipArchive, result::ZipError};

use super::{
    ExtractError, UnpackBudget,
    plan::{PlannedFile, UnpackPlan},
    shared_file::SharedFile,
};

/// The most entries that are written concurrently.
const THREADS: usize = 4;
/// How much of an entry is held at a time, inflated.
const BUFFER: usize = 32 * 1024;
/// Linux's `PATH_MAX`, its closing NUL included.
const PATH_MAX: u64 = 4096;

/// The context of writing a plan.
pub(super) struct PlanWriter<'a> {
    root: Dir,
    /// The root, for messages.
    path: &'a Path,
    budget: &'a UnpackBudget,
    called_off: &'a AtomicBool,
}

impl<'a> PlanWriter<'a> {
    pub(super) fn new(
        path: &'a Path,
        budget: &'a UnpackBudget,
        called_off: &'a AtomicBool,
    ) -> Result<Self, ExtractError> {
        let root = fs::create_dir_all(path).and_then(|()| Dir::open_ambient_dir(path, ambient_authority()));
        let root = root.map_err(|source| ExtractError::Disk { path: path.to_owned(), source })?;
        Ok(Self { root, path, budget, called_off })
    }

    pub(super) fn write(&self, archive: &mut ZipArchive<SharedFile>, plan: &UnpackPlan) -> Result<(), ExtractError> {
        let modes = self.make_directories(plan)?;
        self.write_files(archive, plan)?;
        let mut parent = ParentDir::new(&self.root);
        for link in &plan.links {
            self.write_link(archive, link, &mut parent)?;
        }
        // Deepest first: a mode may forbid what is still to be done below it.
        for (directory, mode) in modes.into_iter().rev() {
            self.set_mode(directory, mode)?;
        }
        Ok(())
    }

    /// Makes the plan's directories, and returns the modes that they get when all is written.
    fn make_directories<'p>(&self, plan: &'p UnpackPlan) -> Result<BTreeMap<&'p Path, u32>, ExtractError> {
        const OWNERS: u32 = 0o700;
        let mut modes = BTreeMap::new();
        for (directory, mode) in &plan.directories {
            let disk = |source| self.disk(directory, source);
            let mut own = *mode;
            match self.root.create_dir(directory) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let metadata = self.root.symlink_metadata(directory).map_err(disk)?;
                    if !metadata.is_dir() {
                        let found = if metadata.is_symlink() { "symbolic link" } else { "file" };
                        return Err(self.in_the_way(directory, found, "directory"));
                    }
                    // An earlier layer's directory may be closed even to its owner.
                    let earlier = metadata.permissions().mode() & 0o7777;
                    if earlier & OWNERS != OWNERS {
                        self.set_mode(directory, earlier | OWNERS)?;
                        own = own.or(Some(earlier));
                    }
                }
                made => made.map_err(disk)?,
            }
            modes.extend(own.map(|mode| (directory.as_path(), mode)));
        }
        Ok(modes)
    }

    fn write_files(&self, archive: &ZipArchive<SharedFile>, plan: &UnpackPlan) -> Result<(), ExtractError> {
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..threads().min(plan.files.len()) {
                scope.spawn(|| {
                    let mut archive = archive.clone();
                    let mut parent = ParentDir::new(&self.root);
                    let mut buffer = vec![0; BUFFER];
                    while let Some(file) = plan.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(error) = self.write_file(&mut archive, file, &mut parent, &mut buffer) {
                            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                            next.store(plan.files.len(), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn write_file<'p>(
        &self,
        archive: &mut ZipArchive<SharedFile>,
        planned: &'p PlannedFile,
        parent: &mut ParentDir<'p>,
        buffer: &mut [u8],
    ) -> Result<(), ExtractError>
    where
        'a: 'p,
    {
        let path = &planned.path;
        let disk = |source| self.disk(path, source);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = parent.put(path, |directory, name| directory.open_with(name, &options));
        let mut file = file.map_err(|error| self.unmade(path, error, "file"))?.into_std();
        let mut content = archive.by_index(planned.index).map_err(|error| self.unreadable(path, error))?;
        loop {
            if self.called_off.load(Ordering::Relaxed) {
                return Err(ExtractError::CalledOff);
            }
            let read = content.read(buffer).map_err(|error| self.unreadable(path, error.into()))?;
            if read == 0 {
                break;
            }
            self.budget.take_bytes(read as u64)?;
            file.write_all(&buffer[..read]).map_err(disk)?;
        }
        // Set on the open file, so that the process's umask doesn't apply.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(planned.mode)).map_err(disk)
    }

    /// A link is created unchanged, wherever it points.
    fn write_link<'p>(
        &self,
        archive: &mut ZipArchive<SharedFile>,
        planned: &'p PlannedFile,
        parent: &mut ParentDir<'p>,
    ) -> Result<(), ExtractError>
    where
        'a: 'p,
    {
        let path = &planned.path;
        let mut target = Vec::new();
        let entry = archive.by_index(planned.index).map_err(|error| self.unreadable(path, error))?;
        entry.take(PATH_MAX).read_to_end(&mut target).map_err(|error| self.unreadable(path, error.into()))?;
        if target.is_empty() || target.len() as u64 == PATH_MAX || target.contains(&0) {
            return Err(ExtractError::LinkTarget(path.to_string_lossy().into_owned()));
        }
        self.budget.take_bytes(target.len() as u64)?;
        let target = OsString::from_vec(target);
        parent
            .put(path, |directory, name| directory.symlink_contents(&target, name))
            .map_err(|error| self.unmade(path, error, "symbolic link"))
    }

    fn set_mode(&self, directory: &Path, mode: u32) -> Result<(), ExtractError> {
        let set = self.root.set_permissions(directory, Permissions::from_mode(mode));
        set.map_err(|source| self.disk(directory, source))
    }

    fn disk(&self, path: &Path, source: io::Error) -> ExtractError {
        ExtractError::Disk { path: self.path.join(path), source }
    }

    fn in_the_way(&self, path: &Path, found: &'static str, needed: &'static str) -> ExtractError {
        ExtractError::InTheWay { path: self.path.join(path), found, needed }
    }

    fn unmade(&self, path: &Path, error: io::Error, needed: &'static str) -> ExtractError {
        match error.kind() {
            // The error of `unlink` for a directory.
            io::ErrorKind::IsADirectory => self.in_the_way(path, "directory", needed),
            _ => self.disk(path, error),
        }
    }

    /// An entry that can't be read: the disk's fault where the system says so, and the zip's otherwise.
    fn unreadable(&self, path: &Path, error: ZipError) -> ExtractError {
        match error {
            ZipError::Io(source) if source.raw_os_error().is_some() => self.disk(path, source),
            error => ExtractError::Damaged { entry: path.to_string_lossy().into_owned(), reason: error.to_string() },
        }
    }
}

/// Inflating is bound by the processor: more threads than processors would only use more memory.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(THREADS)
}

/// The directory of the last entry: the next one is usually in the same directory.
struct ParentDir<'a> {
    root: &'a Dir,
    last: Option<(&'a Path, Dir)>,
}

impl<'a> ParentDir<'a> {
    fn new(root: &'a Dir) -> Self {
        Self { root, last: None }
    }

    fn parent_of(&mut self, path: &'a Path) -> io::Result<&Dir> {
        let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(self.root) };
        if self.last.as_ref().is_none_or(|(path, _)| *path != parent) {
            self.last = Some((parent, self.root.open_dir(parent)?));
        }
        Ok(self.last.as_ref().map_or(self.root, |(_, directory)| directory))
    }

    /// Makes something by its name in its directory, in place of a file or a link that an earlier layer put there.
    fn put<T>(&mut self, path: &'a Path, make: impl Fn(&Dir, &OsStr) -> io::Result<T>) -> io::Result<T> {
        let directory = self.parent_of(path)?;
        let name = path.file_name().unwrap_or_default();
        match make(directory, name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                directory.remove_file(name)?;
                make(directory, name)
            }
            done => done,
        }
    }
}
