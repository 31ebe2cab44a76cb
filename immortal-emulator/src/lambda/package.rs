//! A function's package on disk: unpacked once, hard-linked into each sandbox.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use bytes::Bytes;
use zip::ZipArchive;

/// Unpacks a zip. It comes from the emulator's own user and is trusted; the runner is where untrusted zips are checked.
pub(super) fn unpack(zip: &Bytes, directory: &Path) -> io::Result<()> {
    let mut archive = ZipArchive::new(io::Cursor::new(zip))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let Some(name) = entry.enclosed_name() else { continue };
        let path = directory.join(name);
        if entry.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if entry.is_symlink() {
            let target = io::read_to_string(&mut entry)?;
            symlink(target, &path)?;
            continue;
        }
        io::copy(&mut entry, &mut fs::File::create(&path)?)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(entry.unix_mode().unwrap_or(0o644) & 0o777))?;
    }
    Ok(())
}

/// Recreates a directory tree with hard links to its files: a process is recognised by its path, and no byte is copied.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link(&entry.path(), &target)?;
        } else {
            fs::hard_link(entry.path(), target)?;
        }
    }
    Ok(())
}
